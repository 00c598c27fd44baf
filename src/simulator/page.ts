// The page at /: what a new user sees of the simulator. It loads nothing from outside and only uses the control side.

export const SIMULATOR_PAGE = `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>抖音模拟器 Douyin simulator</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c1e21; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .3rem 0 1rem; color: #5a6068; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #e4e6ea; white-space: nowrap; }
th { font-weight: 600; color: #5a6068; }
code { font: 13px ui-monospace, monospace; user-select: all; }
button { font: inherit; padding: .15rem .6rem; cursor: pointer; }
.usable { color: #0a7d32; } .gone { color: #8a8f98; } .fault { color: #b3261e; }
</style>
</head>
<body>
<h1>抖音模拟器 <small>Douyin simulator</small></h1>
<p>这里的券都是假的。把短链接或券码交给网关核销，再回来看结果。<br>
Nothing here is real money. Give a short link or a code to the gateway, then look here again.</p>
<p><button id="create">新建一张券 New coupon</button> <span id="message" role="status"></span></p>
<h2>券 Coupons</h2>
<div class="scroll"><table>
<thead><tr><th>商品 Title</th><th>状态 Status</th><th>券码 Code</th><th>短链接 Short link</th><th></th></tr></thead>
<tbody id="coupons"></tbody></table></div>
<h2>门店 Stores</h2>
<div class="scroll"><table>
<thead><tr><th>poi_id</th><th>名称 Name</th></tr></thead>
<tbody id="stores"></tbody></table></div>
<h2>最近的调用 Latest calls</h2>
<div class="scroll"><table>
<thead><tr><th>时间 Time</th><th>接口 Call</th><th>结果 Answer</th><th>核销 Effects</th><th>故障 Fault</th></tr></thead>
<tbody id="calls"></tbody></table></div>
<p>控制接口 Control: <a href="/_simulator/">/_simulator/</a></p>
<script>
const statusNames = {
  unused: '未使用 unused', used: '已核销 used', refund_applied: '申请退款 refund applied',
  refunded: '已退款 refunded', refund_failed: '退款失败 refund failed', refunding: '退款中 refunding',
};
const byId = (id) => document.getElementById(id);
async function ask(method, path, body) {
  const response = await fetch('/_simulator' + path, {
    method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}
function row(cells) {
  const line = document.createElement('tr');
  for (const cell of cells) {
    const box = document.createElement('td');
    box.append(cell);
    line.append(box);
  }
  return line;
}
function element(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
function couponRows(order) {
  return order.coupons.map((coupon, index) => {
    const times = order.kind === 'times_card' ? ' ' + coupon.times_used + '/' + coupon.times_count : '';
    const state = coupon.is_in_review ? '审核中 in review'
      : order.status !== 'paid' ? order.status
      : coupon.is_expired && coupon.status === 'unused' ? '已过期 expired'
      : statusNames[coupon.status];
    const refresh = element('button', '换一个二维码 New QR');
    refresh.onclick = () => act(() => ask('POST', '/orders/' + order.order_id + '/qr'));
    const link = order.is_qr_live ? element('code', order.short_link) : element('span', '二维码已失效 used up', 'gone');
    return row([
      order.title,
      element('span', state + times, coupon.is_usable_now ? 'usable' : 'gone'),
      element('code', coupon.code),
      index === 0 ? link : '同上 same',
      index === 0 ? refresh : '',
    ]);
  });
}
function callRow(call) {
  const answer = call.outcome !== 'answered' ? call.outcome
    : call.answer_code === null ? 'HTTP ' + call.http_status : call.answer_code;
  return row([
    new Date(call.at_ms).toLocaleTimeString(), call.endpoint, String(answer), String(call.effects || ''),
    element('span', call.fault || '', 'fault'),
  ]);
}
const shown = {};
// Only what changed is drawn again, so that a link being copied stays selected.
function draw(id, data, rows) {
  const text = JSON.stringify(data);
  if (shown[id] === text) return;
  shown[id] = text;
  byId(id).replaceChildren(...rows());
}
async function show() {
  const [orders, calls, merchant] = await Promise.all([
    ask('GET', '/orders?page_size=50'), ask('GET', '/calls/latest'), ask('GET', '/merchant'),
  ]);
  draw('coupons', orders, () => orders.items.flatMap(couponRows));
  draw('calls', calls, () => calls.calls.map(callRow));
  draw('stores', merchant, () => merchant.stores.map((store) => row([element('code', store.poi_id), store.name])));
}
async function act(what) {
  try {
    if (what) await what();
    await show();
    byId('message').textContent = '';
  } catch (error) {
    byId('message').textContent = error.message;
  }
}
byId('create').onclick = () => act(() => ask('POST', '/orders', {}));
setInterval(act, 2000);
act();
</script>
</body>
</html>
`;
