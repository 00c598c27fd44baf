// Reads the command line: which command, its options, and every mistake in it by name. Guesses nothing: a coupon is money.
import { parseArgs } from 'node:util';

export type Language = 'zh' | 'en';
export const COMMANDS = ['verify', 'prepare', 'lookup', 'sign'] as const;
export type Command = (typeof COMMANDS)[number];

/** Longer than the gateway's own budget (8 s), with time for one more question. */
const DEFAULT_WAIT_S = 15;
const LONGEST_WAIT_S = 600;

type OptionName =
  | 'short-link'
  | 'code'
  | 'encrypted-code'
  | 'token'
  | 'poi'
  | 'operator'
  | 'device'
  | 'note'
  | 'method'
  | 'path'
  | 'body'
  | 'timestamp'
  | 'nonce'
  | 'url'
  | 'key'
  | 'secret'
  | 'wait'
  | 'lang'
  | 'json'
  | 'help';

const SWITCHES: readonly OptionName[] = ['json', 'help'];
const GLOBAL: readonly OptionName[] = ['url', 'key', 'secret', 'wait', 'lang', 'json', 'help'];
const OF_COMMAND: Readonly<Record<Command, readonly OptionName[]>> = {
  verify: ['short-link', 'code', 'encrypted-code', 'token', 'poi', 'operator', 'device', 'note'],
  prepare: ['short-link', 'code', 'poi'],
  lookup: ['token'],
  sign: ['method', 'path', 'body', 'timestamp', 'nonce'],
};

export interface Arguments {
  readonly command: Command | null;
  readonly language: Language;
  readonly isJson: boolean;
  readonly isHelp: boolean;
  /** How long the cashier waits for one command, repeats included. */
  readonly deadlineMs: number;
  readonly values: Readonly<Partial<Record<OptionName, string>>>;
  /** What is wrong with the command line, in its language; empty when it can be carried out. */
  readonly problems: readonly string[];
}

export function parseArguments(argv: readonly string[]): Arguments {
  const known = new Set<string>([...GLOBAL, ...Object.values(OF_COMMAND).flat()]);
  const { tokens } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    // Not strict: the built-in messages are in one language and stop at the first mistake.
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      [...known].map((name) => [name, { type: isSwitch(name) ? ('boolean' as const) : ('string' as const) }]),
    ),
  });

  const values: Partial<Record<OptionName, string>> = {};
  const problems: { zh: string; en: string }[] = [];
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    if (!known.has(token.name)) {
      problems.push({ zh: `没有选项 ${token.rawName}`, en: `unknown option ${token.rawName}` });
      continue;
    }
    const name = token.name as OptionName;
    if (values[name] !== undefined)
      problems.push({ zh: `--${name} 只能给一次`, en: `--${name} is given twice` });
    if (isSwitch(name)) {
      if (token.value !== undefined)
        problems.push({ zh: `--${name} 不带值`, en: `--${name} takes no value` });
      values[name] = 'true';
    } else if (!token.value || (token.inlineValue === false && token.value.startsWith('-'))) {
      problems.push({
        zh: `--${name} 缺少值（值以 - 开头时写成 --${name}=值）`,
        en: `--${name} needs a value (write --${name}=VALUE if it begins with -)`,
      });
      values[name] = '';
    } else {
      values[name] = token.value;
    }
  }

  const command = COMMANDS.find((name) => name === words[0]) ?? null;
  if (words.length > 0 && command === null) {
    problems.push({ zh: `没有命令 ${words[0]}`, en: `unknown command ${words[0]}` });
  }
  for (const word of words.slice(1)) {
    problems.push({ zh: `多余的参数 ${word}`, en: `unexpected argument ${word}` });
  }
  if (command !== null && values.help === undefined) problems.push(...problemsOf(command, values));
  const waitS = values.wait === undefined ? DEFAULT_WAIT_S : Number(values.wait);
  if (!Number.isInteger(waitS) || waitS < 1 || waitS > LONGEST_WAIT_S) {
    problems.push({
      zh: `--wait 须是 1 至 ${LONGEST_WAIT_S} 的整数秒`,
      en: `--wait is a whole number of seconds, 1 to ${LONGEST_WAIT_S}`,
    });
  }
  const language = values.lang === 'en' ? 'en' : 'zh';
  if (values.lang !== undefined && values.lang !== 'zh' && values.lang !== 'en') {
    problems.push({ zh: '--lang 只能是 zh 或 en', en: '--lang is zh or en' });
  }
  return {
    command,
    language,
    isJson: values.json !== undefined,
    isHelp: values.help !== undefined,
    deadlineMs: waitS * 1000,
    values,
    problems: problems.map((problem) => problem[language]),
  };
}

function problemsOf(
  command: Command,
  values: Readonly<Partial<Record<OptionName, string>>>,
): { zh: string; en: string }[] {
  const problems: { zh: string; en: string }[] = [];
  const allowed: readonly string[] = [...GLOBAL, ...OF_COMMAND[command]];
  for (const name of Object.keys(values)) {
    if (!allowed.includes(name)) {
      problems.push({ zh: `${command} 没有选项 --${name}`, en: `${command} has no option --${name}` });
    }
  }
  const ways = (['short-link', 'code', 'encrypted-code'] as const).filter((way) => allowed.includes(way));
  if (ways.length > 0 && ways.filter((way) => values[way] !== undefined).length !== 1) {
    const list = ways.map((way) => `--${way}`);
    problems.push({ zh: `须且只能给一个：${list.join('、')}`, en: `give exactly one of ${list.join(', ')}` });
  }
  const required: OptionName[] = [];
  if (command === 'lookup' || values['encrypted-code'] !== undefined) required.push('token');
  if (command === 'sign') required.push('method', 'path');
  for (const name of required) {
    if (values[name] === undefined) problems.push({ zh: `缺少 --${name}`, en: `--${name} is missing` });
  }
  return problems;
}

function isSwitch(name: string): boolean {
  return (SWITCHES as readonly string[]).includes(name);
}
