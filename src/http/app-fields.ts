// The fields of an app that administrators write.
import { z } from 'zod';
import { doc, patternedText, poiId, text } from './fields.ts';

const MAX_POI_IDS = 1000;
const MIN_SECRET_CHARACTERS = 32;

export const appFields = {
  name: () => doc(text({ min: 1, max: 64 }), '名称', 'name'),
  code: () => doc(text({ min: 1, max: 64 }), '唯一编码，不可更改', 'unique code, never changes'),
  description: () => doc(text({ min: 0, max: 256 }), '说明', 'description'),
  client_key: () =>
    patternedText(
      /^[A-Za-z0-9._-]{4,64}$/,
      '须为 4 至 64 位字母、数字、点、下划线或连字符',
      'Must be 4 to 64 letters, digits, dots, underscores or hyphens',
    ),
  secret: () =>
    doc(
      text({ min: MIN_SECRET_CHARACTERS, max: 256 }),
      '签名密钥，不填则自动生成',
      'the signing secret, made when absent',
    ),
  status: () => z.enum(['active', 'disabled']),
  allow_token_read: () =>
    doc(z.boolean(), '可否读取抖音 access token', 'whether it may read Douyin’s access token'),
  poi_ids: () =>
    doc(z.array(poiId()).max(MAX_POI_IDS), '可用门店，空为全部', 'the stores it may act for, empty for all'),
} as const;
