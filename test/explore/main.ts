// `npm run explore`: walks every order of steps up to a bound, and tells each violation as a story in words.
// Exit 0: there is none. Exit 1: there is one, or the walk could not be carried out.
import { parseArgs } from 'node:util';
import { CONTROLS, isFound } from './controls.ts';
import { domainGateway } from './domain-gateway.ts';
import { walk, type Walk } from './explorer.ts';
import { type OptionName, OPTIONS } from './layout.ts';
import { describeWorld, planOf, tellStory } from './story.ts';
import { type World, worldOf, WORLDS } from './worlds.ts';

const USAGE = `usage: npm run explore -- [options]

  --bound N         at most N troubles in one story of one scan, N - 1 in one of two scans (default 2)
  --world A,B       only this one: a comma list of ${Object.keys(OPTIONS).join(', ')}; 'plain' for none
  --max-states N    per world, default 30000000; a world with more is not walked to its end, and says so
  --max-stories N   told per world, default 5
  --quick           of two scans only the worlds that tell most; what continuous integration runs
  --until-found     ends at the first world with a violation
  --controls        walks broken gateways instead, each of which must be found
  --json            one JSON document on standard output: the figures, and each story as a plan
`;

interface WalkedWorld {
  readonly world: World;
  readonly bound: number;
  readonly walk: Walk;
}

function chooseWorlds(text: string | undefined, isQuick: boolean): readonly World[] {
  if (text === undefined) return isQuick ? WORLDS.filter((world) => world.isQuick) : WORLDS;
  const names = text === 'plain' ? [] : text.split(',');
  for (const name of names) if (!(name in OPTIONS)) throw new Error(`--world has no option ${name}`);
  return [
    {
      options: worldOf(names as OptionName[]),
      lessTroubles: names.includes('second_scan') ? 1 : 0,
      isQuick: true,
    },
  ];
}

function walkControls(): number {
  const missed = CONTROLS.filter((control) => !isFound(control));
  for (const control of CONTROLS) {
    process.stdout.write(
      `${missed.includes(control) ? 'MISSED' : 'found '}  a gateway that ${control.what}\n`,
    );
  }
  return missed.length === 0 ? 0 : 1;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name} is not a whole number`);
  return number;
}

function explore(): number {
  const { values } = parseArgs({
    options: {
      bound: { type: 'string', default: '2' },
      world: { type: 'string' },
      'max-states': { type: 'string', default: '30000000' },
      'max-stories': { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      'until-found': { type: 'boolean', default: false },
      controls: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.controls) return walkControls();
  const bound = wholeNumber('bound', values.bound);
  const gateway = domainGateway();
  const startedAtMs = performance.now();
  const walked: WalkedWorld[] = [];
  for (const world of chooseWorlds(values.world, values.quick)) {
    const boundHere = Math.max(0, bound - world.lessTroubles);
    const result = walk(gateway, {
      bound: boundHere,
      maxStates: wholeNumber('max-states', values['max-states']),
      maxViolations: Math.max(1, wholeNumber('max-stories', values['max-stories'])),
      world: world.options,
    });
    const told = { world, bound: boundHere, walk: result };
    process.stderr.write(`${summaryOf(told)}\n`);
    walked.push(told);
    if (values['until-found'] && result.violations.length > 0) break;
  }
  const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10;
  const states = walked.reduce((sum, one) => sum + one.walk.states, 0);
  const violations = walked.flatMap((one) => one.walk.violations);
  const isWhole = walked.every((one) => one.walk.completeBound === one.bound);
  if (values.json) {
    const document = {
      bound,
      isWhole,
      states,
      seconds,
      worlds: walked.map(figuresOf),
      violations: violations.map(planOf),
    };
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  } else {
    for (const violation of violations) process.stdout.write(`\n${tellStory(gateway, violation)}\n`);
    process.stdout.write(
      `\n${states} distinct states of ${walked.length} worlds, bound ${bound}${isWhole ? '' : ' (not walked to its end)'}, ` +
        `${violations.length} violations, in ${seconds} s\n`,
    );
  }
  return violations.length === 0 ? 0 : 1;
}

function figuresOf({ world, bound, walk: walked }: WalkedWorld) {
  const { states, steps, completeBound, statesByTroubles, limits, liveness } = walked;
  return {
    world: describeWorld(world.options),
    bound,
    completeBound,
    states,
    steps,
    statesByTroubles,
    limits: Object.fromEntries(limits),
    ending: liveness.ending,
    waitingForPeople: liveness.waitingForPeople,
    reasons: Object.fromEntries(liveness.reasons),
  };
}

function summaryOf({ world, bound, walk: walked }: WalkedWorld): string {
  const { states, completeBound, violations, liveness } = walked;
  const layers = completeBound === bound ? `bound ${bound}` : `bound ${bound}, complete to ${completeBound}`;
  return (
    `${describeWorld(world.options)}: ${states} states, ${layers}, ${violations.length} violations, ` +
    `${liveness.waitingForPeople} states wait for people`
  );
}

try {
  process.exitCode = explore();
} catch (err) {
  process.stderr.write(`${err instanceof Error ? (err.stack ?? err.message) : String(err)}\n${USAGE}`);
  process.exitCode = 1;
}
