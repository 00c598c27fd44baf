// GET /s/<id>/: the short link in a customer's QR code. Douyin serves these from a host of its own.
import { type Answer, lifeRefusal, textAnswer } from '../answers.ts';
import { hashFraction } from '../ids.ts';
import type { ShortLinkVariant } from '../order-spec.ts';
import type { World } from '../world.ts';
import type { DouyinRequest, Endpoint } from './endpoint.ts';

const COUPON_PAGE_HOST = 'https://www.iesdouyin.com';
const FOREIGN_HOST = 'https://coupon.example.com';
const HTML = 'text/html; charset=utf-8';

export const shortLinkEndpoint: Endpoint = {
  name: 'short_link',
  method: 'GET',
  path: '/s/',
  hasIdInPath: true,
  facts: (world, request) => {
    const found = find(world, request);
    return found === undefined ? {} : { orderId: found.order.orderId };
  },
  refuse: lifeRefusal,
  handle: (world, request) => {
    const found = find(world, request);
    if (found === undefined) return textAnswer(404, HTML, '<!doctype html><title>404</title>页面不存在');
    const { order, qr } = found;
    return answerVariant(order.spec.shortLinkVariant, qr.shortLinkId, qr.encryptedData);
  },
};

function find(world: World, request: DouyinRequest) {
  const id = /^\/s\/([A-Za-z0-9]{1,64})\/?$/.exec(request.path)?.[1];
  return id === undefined ? undefined : world.qrByShortLink.get(id);
}

function answerVariant(variant: ShortLinkVariant, shortLinkId: string, encryptedData: string): Answer {
  // The number in the path is not the coupon: clients that take it for one must fail.
  const pageNumber = String(
    7_000_000_000_000 + Math.floor(hashFraction('page', shortLinkId) * 1_000_000_000),
  );
  const path = `/share/commerce/coupon/${pageNumber}/`;
  const before = 'from_aid=1128&share_type=coupon_code';
  const after = 'timestamp=1773540010&u_code=2a9k1c';
  const withValue = `${path}?${before}&object_id=${encodeURIComponent(encryptedData)}&${after}`;
  const withoutValue = `${path}?${before}&${after}`;
  switch (variant) {
    case 'redirect':
      return redirect(`${COUPON_PAGE_HOST}${withValue}`);
    case 'relative_redirect':
      return redirect(withValue);
    case 'foreign_host':
      return redirect(`${FOREIGN_HOST}${withValue}`);
    case 'foreign_host_without_object_id':
      return redirect(`${FOREIGN_HOST}${withoutValue}`);
    case 'without_object_id':
      return redirect(`${COUPON_PAGE_HOST}${withoutValue}`);
    case 'empty_object_id':
      return redirect(`${COUPON_PAGE_HOST}${path}?${before}&object_id=&${after}`);
    case 'page':
      return textAnswer(200, HTML, '<!doctype html><title>抖音</title>请在抖音中打开');
    case 'gone':
      return textAnswer(410, HTML, '<!doctype html><title>410</title>链接已失效');
    case 'server_error':
      return textAnswer(503, HTML, '<!doctype html><title>503</title>服务不可用');
  }
}

function redirect(location: string): Answer {
  return textAnswer(302, HTML, '<a href="#">Found</a>', { location });
}
