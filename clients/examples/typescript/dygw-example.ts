// dy-gateway 签名示例 / signing example, with the client package. Node >= 22.18, no other packages.
//
//   node dygw-example.ts sign < input     打印签名与待签名串 / prints signature and string to sign
//   node dygw-example.ts verify LINK      核销一张券 / redeems a coupon; needs DYGW_URL, DYGW_CLIENT_KEY, DYGW_SECRET, DYGW_POI
//
// input 共六行：client_key、secret、timestamp、nonce、method、request_target，其后到结尾是请求正文。
// The input is six lines (client_key … request_target), then the body up to the end.
import { readFileSync } from 'node:fs';
import { DyGatewayClient, DyGatewayError, signRequest } from '../../typescript/index.ts';

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

async function sign(): Promise<void> {
  const input = readFileSync(0, 'utf8');
  const [
    clientKey = '',
    secret = '',
    timestamp = '',
    nonce = '',
    method = '',
    requestTarget = '',
    ...bodyLines
  ] = input.split('\n');
  const steps = await signRequest({
    clientKey,
    secret,
    timestamp,
    nonce,
    method,
    requestTarget,
    body: bodyLines.join('\n'),
  });
  process.stdout.write(`${steps.signature}\n${steps.stringToSign}`);
}

async function verify(shortLink: string): Promise<void> {
  const client = new DyGatewayClient({
    baseUrl: setting('DYGW_URL'),
    clientKey: setting('DYGW_CLIENT_KEY'),
    secret: setting('DYGW_SECRET'),
  });
  try {
    const record = await client.verify(
      { poi_id: setting('DYGW_POI'), short_link: shortLink },
      {
        // 在发出请求之前拿到令牌：请存进账单。 Called before anything is sent: store it with the bill.
        onToken: (verifyToken) => console.error('verify_token', verifyToken),
      },
    );
    console.log(record.verify_status, record.product_name, record.advice);
  } catch (error) {
    if (!(error instanceof DyGatewayError)) throw error;
    // 结果未知时券可能已核销，只能用同一个令牌再问。
    // With an unknown outcome the coupon may be redeemed; ask again with the same token only.
    console.error(error.code, error.message, error.isOutcomeUnknown ? `ask again: ${error.verifyToken}` : '');
    process.exitCode = 1;
  }
}

const [command, shortLink] = process.argv.slice(2);
if (command === 'sign') {
  await sign();
} else if (command === 'verify' && shortLink !== undefined) {
  await verify(shortLink);
} else {
  console.error('usage: sign < input | verify SHORT_LINK');
  process.exitCode = 2;
}
