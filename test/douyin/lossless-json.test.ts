import { describe, expect, it } from '@jest/globals';
import { parseLosslessJson } from '../../src/douyin/lossless-json.ts';

describe('parseLosslessJson', () => {
  it('keeps every digit of integers a number cannot hold, as text, and all else as JSON.parse does', () => {
    expect(
      parseLosslessJson('{"id":7372594810362817586,"list":[-9007199254740993,9007199254740991],"lat":31.230416,"s":"7372594810362817586","n":null}'),
    ).toEqual({
      id: '7372594810362817586',
      list: ['-9007199254740993', 9007199254740991],
      lat: 31.230416,
      s: '7372594810362817586',
      n: null,
    }); // prettier-ignore
  });

  it.each(['', '{', '{"a":1}x', 'undefined'])('throws for %j', (text) => {
    expect(() => parseLosslessJson(text)).toThrow();
  });
});
