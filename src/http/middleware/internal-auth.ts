// Authentication of the internal surface: the socket's peer must be in a trusted network, and it names the acting user.
// Forwarding headers are never believed: anybody can write them.
import ipaddr from 'ipaddr.js';
import { AppError } from '../../domain/errors.ts';
import type { HttpMiddleware } from '../request-state.ts';
import { surfaceOf } from '../surfaces.ts';

const UID = /^[A-Za-z0-9._@-]{1,64}$/;

/**
 * Lets trusted peers alone into the internal surface, whatever their headers say.
 * @param trustedCidrs such as `10.0.0.0/8` or `::1/128`
 * @throws Error for a block that is not one
 */
export function trustedPeers(trustedCidrs: readonly string[]): HttpMiddleware {
  const blocks = trustedCidrs.map((cidr) => ipaddr.parseCIDR(cidr));
  return async (ctx, next) => {
    const isInternal = surfaceOf(ctx.path) === 'internal';
    if (isInternal) {
      if (!isTrusted(ctx.req.socket.remoteAddress, blocks)) throw new AppError('auth.untrusted_peer');
      ctx.state.isTrustedPeer = true;
    }
    await next();
  };
}

/** Who acts. Only for requests that `trustedPeers` let in. */
export function internalAuth(): HttpMiddleware {
  return async (ctx, next) => {
    if (ctx.state.isTrustedPeer !== true) throw new AppError('auth.untrusted_peer');
    const uids = ctx.req.headersDistinct['x-xtj-uid'] ?? [];
    const uid = uids.length === 1 ? (uids[0] ?? '') : '';
    if (!UID.test(uid)) throw new AppError('auth.missing_uid');
    ctx.state.internal = { uid };
    await next();
  };
}

function isTrusted(
  address: string | undefined,
  blocks: readonly ReturnType<typeof ipaddr.parseCIDR>[],
): boolean {
  if (address === undefined || !ipaddr.isValid(address)) return false;
  // `process` turns an IPv4 address mapped into IPv6, as a dual-stack socket shows it, back into IPv4.
  const peer = ipaddr.process(address);
  return blocks.some(([network, bits]) => peer.kind() === network.kind() && peer.match(network, bits));
}
