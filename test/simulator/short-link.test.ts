// The short link of a QR code: what it redirects to, and all that can be found instead.
import { describe, expect, it } from '@jest/globals';
import { start } from './support.ts';

describe('GET /s/<id>/', () => {
  it('redirects to the coupon page with the encrypted data as object_id, encoded once', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const reply = await douyin.send(new URL(order.shortLink).pathname);
    expect(reply.status).toBe(302);
    const location = new URL(reply.headers.get('location') ?? '');
    expect(location.host).toBe('www.iesdouyin.com');
    expect(location.pathname).toMatch(/^\/share\/commerce\/coupon\/\d+\/$/);
    expect(location.searchParams.get('object_id')).toBe(order.encryptedData);
    expect(location.search).toContain(`object_id=${encodeURIComponent(order.encryptedData)}`);
  });

  it('has values with every character that careless clients break', async () => {
    const { simulator } = await start();
    for (const order of simulator.state.createOrders({}, 20)) {
      for (const character of '+/=-_') expect(order.encryptedData).toContain(character);
      expect(new URL(order.shortLink).pathname).not.toContain(order.encryptedData);
    }
  });

  it('works without the final slash, and has ids of different lengths', async () => {
    const { simulator, douyin } = await start();
    const orders = simulator.state.createOrders({}, 20);
    expect(new Set(orders.map((order) => order.shortLinkId.length)).size).toBeGreaterThan(1);
    const reply = await douyin.send(`/s/${orders[0]?.shortLinkId ?? ''}`);
    expect(reply.status).toBe(302);
  });

  it('answers 404 for an unknown id', async () => {
    const { douyin } = await start();
    expect((await douyin.send('/s/unknown1/')).status).toBe(404);
    expect((await douyin.send('/s/')).status).toBe(404);
  });

  it('gives a refreshed QR code another link and another value, and keeps the old link', async () => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    const refreshed = simulator.state.refreshQr(order.orderId);
    expect(refreshed.orderId).toBe(order.orderId);
    expect(refreshed.shortLinkId).not.toBe(order.shortLinkId);
    expect(refreshed.encryptedData).not.toBe(order.encryptedData);
    expect((await douyin.send(new URL(order.shortLink).pathname)).headers.get('location')).toContain(
      encodeURIComponent(order.encryptedData),
    );
  });

  it.each([
    ['page', 200, null],
    ['gone', 410, null],
    ['server_error', 503, null],
    [
      'without_object_id',
      302,
      /^https:\/\/www\.iesdouyin\.com\/share\/commerce\/coupon\/\d+\/\?(?!.*object_id)/,
    ],
    ['empty_object_id', 302, /object_id=&/],
    ['foreign_host', 302, /^https:\/\/coupon\.example\.com\/.*object_id=Cg/],
    ['foreign_host_without_object_id', 302, /^https:\/\/coupon\.example\.com\/(?!.*object_id)/],
    ['relative_redirect', 302, /^\/share\/commerce\/coupon\/\d+\/\?.*object_id=Cg/],
  ] as const)('can be switched to %s', async (variant, status, location) => {
    const { simulator, douyin } = await start();
    const order = simulator.state.createOrder();
    simulator.state.changeOrder(order.orderId, { shortLinkVariant: variant });
    const reply = await douyin.send(new URL(order.shortLink).pathname);
    expect(reply.status).toBe(status);
    if (location === null) expect(reply.headers.get('location')).toBeNull();
    else expect(reply.headers.get('location')).toMatch(location);
  });
});
