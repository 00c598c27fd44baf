// The second lists that Douyin has for combination packages, under the names that its pages and its SDK give them.
import { hashFraction } from './ids.ts';
import type { JsonObject } from './json.ts';
import type { World } from './world.ts';

/** An entry of a list and the coupon it is about. */
export interface Listed {
  certificateId: string;
  json: JsonObject;
}

/** Both lists of an answer, with the entries where the settings put them. */
export function listsOf(world: World, name: 'certificates' | 'records', entries: Listed[]): JsonObject {
  const { v2Lists, v2Spelling } = world.settings;
  // The SDK has its odd spelling for certificates only.
  const v2Name = name === 'records' ? 'records_v2' : `certificates_${v2Spelling}`;
  const draw = (chosen: Listed[]) => chosen.map((entry) => entry.json);
  switch (v2Lists) {
    case 'none':
      return { [name]: draw(entries) };
    case 'duplicate':
      return { [name]: draw(entries), [v2Name]: draw(entries) };
    case 'only':
      return { [name]: [], [v2Name]: draw(entries) };
    case 'split':
      return {
        [name]: draw(entries.filter((entry) => !isCombination(entry.certificateId))),
        [v2Name]: draw(entries.filter((entry) => isCombination(entry.certificateId))),
      };
  }
}

/** The one certificate of certificate/get, under the name or names that the settings give it. */
export function certificateFields(world: World, { certificateId, json }: Listed): JsonObject {
  const { v2Lists, v2Spelling } = world.settings;
  const v2Name = `certificate_${v2Spelling}`;
  const isV2 = v2Lists === 'only' || (v2Lists === 'split' && isCombination(certificateId));
  if (isV2) return { [v2Name]: json };
  return v2Lists === 'duplicate' ? { certificate: json, [v2Name]: json } : { certificate: json };
}

/** Which coupons a split takes for combination packages: always the same ones, about half. */
function isCombination(certificateId: string): boolean {
  return hashFraction('combination', certificateId) < 0.5;
}
