// The fields of an app that administrators write.
import { z } from 'zod';
import { patternedText, poiId, text } from './fields.ts';

const MAX_POI_IDS = 1000;
const MIN_SECRET_CHARACTERS = 32;

export const appFields = {
  name: () => text({ min: 1, max: 64 }),
  code: () => text({ min: 1, max: 64 }),
  description: () => text({ min: 0, max: 256 }),
  client_key: () =>
    patternedText(
      /^[A-Za-z0-9._-]{4,64}$/,
      '须为 4 至 64 位字母、数字、点、下划线或连字符',
      'Must be 4 to 64 letters, digits, dots, underscores or hyphens',
    ),
  secret: () => text({ min: MIN_SECRET_CHARACTERS, max: 256 }),
  status: () => z.enum(['active', 'disabled']),
  allow_token_read: () => z.boolean(),
  poi_ids: () => z.array(poiId()).max(MAX_POI_IDS),
} as const;
