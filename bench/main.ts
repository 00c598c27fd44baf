// `npm run bench -- <name>`: measures the gateway against baselines in the same run, as ratios. Each bench is a file.
const BENCHES: Readonly<Record<string, () => Promise<{ run(args: readonly string[]): Promise<void> }>>> = {
  verify: () => import('./verify.ts'),
  overload: () => import('./overload.ts'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = BENCHES[name];
if (!load) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHES).join(' | ')}\n`);
  process.exitCode = 2;
} else {
  const bench = await load();
  await bench.run(args);
}
