// The help text.
import type { Language } from './arguments.ts';

export const USAGE: Readonly<Record<Language, string>> = {
  zh: `用法：npm run pos -- <命令> [选项]

命令
  verify   核销一张券      --short-link 链接 | --code 券码 | --encrypted-code 加密券码
                           [--token 核销令牌] [--poi 门店] [--operator 收银员] [--device 设备] [--note 备注]
  prepare  查看可用的券    --short-link 链接 | --code 券码  [--poi 门店]      （不会用掉券）
  lookup   查询一笔核销    --token 核销令牌
  sign     演示签名        --method GET|POST --path /v1/… [--body 正文 | --body @文件] [--timestamp 秒] [--nonce 随机串]

通用选项
  --url 网关地址      默认 npm start 的网关；环境变量 DYGW_URL
  --key、--secret     应用的 client_key 与 secret，须成对；环境变量 DYGW_CLIENT_KEY、DYGW_SECRET
                      都不给时用 npm start 创建的演示应用（DATA_DIR 或 .data 里的 demo.json）
  --wait 秒           最多等多久，默认 15
  --json              原样打印网关的应答
  --lang zh|en        语言
  --help              本说明

同一张券重试时务必带上同一个 --token：网关保证同一令牌只核销一次。

退出码：0 成功 · 1 券不可用 · 2 用法错误 · 3 处理中 · 4 网关或网络错误`,
  en: `Usage: npm run pos -- <command> [options]

Commands
  verify   redeem one coupon        --short-link URL | --code CODE | --encrypted-code CODE
                                    [--token TOKEN] [--poi STORE] [--operator ID] [--device ID] [--note TEXT]
  prepare  show the usable coupons  --short-link URL | --code CODE  [--poi STORE]      (consumes nothing)
  lookup   ask about a verification --token TOKEN
  sign     show how to sign         --method GET|POST --path /v1/… [--body TEXT | --body @FILE] [--timestamp S] [--nonce N]

Options of every command
  --url URL           default: the gateway of npm start; environment DYGW_URL
  --key, --secret     client_key and secret of your app, both or none; environment DYGW_CLIENT_KEY, DYGW_SECRET
                      without them: the demo app that npm start created (demo.json in DATA_DIR or .data)
  --wait SECONDS      how long to wait at most, default 15
  --json              print the gateway's answer as it is
  --lang zh|en        language
  --help              this text

When you try a coupon again, give the same --token: the gateway redeems once per token.

Exit codes: 0 success · 1 the coupon cannot be used · 2 usage · 3 processing · 4 gateway or network error`,
};
