// The reference page: shows /openapi.json and signs what is tried out, in the browser.
const textOf = (id) => document.getElementById(id).value.trim();
const hexOf = (buffer) =>
  [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const bytesOf = (text) => new TextEncoder().encode(text);

/** The seven lines of a request, and their signature. */
async function signatureHeaders(method, target, body) {
  const clientKey = textOf('client-key');
  const timestamp = String(Math.floor(Date.now() / 1000));
  const nonce = crypto.randomUUID();
  const bodyHash = hexOf(await crypto.subtle.digest('SHA-256', bytesOf(body)));
  const text = ['DYGW-HMAC-SHA256', clientKey, timestamp, nonce, method, target, bodyHash].join('\n');
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytesOf(textOf('secret')), algorithm, false, ['sign']);
  const signature = hexOf(await crypto.subtle.sign('HMAC', key, bytesOf(text)));
  return {
    'X-Client-Key': clientKey,
    'X-Timestamp': timestamp,
    'X-Nonce': nonce,
    'X-Signature': signature,
  };
}

async function authenticate(request) {
  const url = new URL(request.url, location.href);
  if (url.pathname.startsWith('/v1/open/') && textOf('secret') !== '') {
    const target = url.pathname + url.search;
    const headers = await signatureHeaders(request.method.toUpperCase(), target, request.body ?? '');
    Object.assign(request.headers, headers);
  }
  if (url.pathname.startsWith('/v1/internal/') && textOf('uid') !== '') {
    request.headers['X-XTJ-UID'] = textOf('uid');
  }
  return request;
}

document.getElementById('credentials').addEventListener('submit', (event) => event.preventDefault());
window.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  // The validator badge would be loaded from outside.
  validatorUrl: null,
  requestInterceptor: authenticate,
});
