<?php
// dy-gateway 签名示例 / signing example. PHP >= 8.0, no extensions.
//
//   php dygw_example.php sign < input     打印签名与待签名串 / prints signature and string to sign
//   php dygw_example.php verify LINK      核销一张券 / redeems a coupon; needs DYGW_URL, DYGW_CLIENT_KEY, DYGW_SECRET, DYGW_POI
//
// input 共六行：client_key、secret、timestamp、nonce、method、request_target，其后到结尾是请求正文。
// The input is six lines (client_key … request_target), then the body up to the end.

declare(strict_types=1);

/** @return array{string, string} signature and string to sign; $body is the raw bytes that will be sent */
function sign(
    string $clientKey,
    string $secret,
    string $timestamp,
    string $nonce,
    string $method,
    string $requestTarget,
    string $body,
): array {
    $stringToSign = implode("\n", [
        'DYGW-HMAC-SHA256',
        $clientKey,
        $timestamp,
        $nonce,
        strtoupper($method),
        $requestTarget,
        hash('sha256', $body),
    ]);
    return [hash_hmac('sha256', $stringToSign, $secret), $stringToSign];
}

/**
 * One attempt: a new timestamp and a new nonce each time.
 * @return string|null status and body, or null if there was no answer
 */
function post(string $path, string $body): ?string
{
    $clientKey = getenv('DYGW_CLIENT_KEY');
    $timestamp = (string) time();
    $nonce = bin2hex(random_bytes(16));
    [$signature] = sign($clientKey, getenv('DYGW_SECRET'), $timestamp, $nonce, 'POST', $path, $body);
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => [
            'Content-Type: application/json',
            "X-Client-Key: $clientKey",
            "X-Timestamp: $timestamp",
            "X-Nonce: $nonce",
            "X-Signature: $signature",
        ],
        'content' => $body,
        'timeout' => 10,
        'follow_location' => 0,
        'ignore_errors' => true,
    ]]);
    $stream = @fopen(getenv('DYGW_URL') . $path, 'r', false, $context);
    if ($stream === false) {
        return null;
    }
    $answer = stream_get_contents($stream);
    $meta = stream_get_meta_data($stream);
    if ($answer === false || $meta['timed_out']) {
        return null;
    }
    return explode(' ', $meta['wrapper_data'][0])[1] . ' ' . $answer;
}

function verify(string $shortLink): int
{
    // 先生成并保存 verify_token，再发请求；重试永远用同一个。
    // Make and store the verify_token first; every repeat uses the same one.
    $verifyToken = bin2hex(random_bytes(16));
    fwrite(STDERR, "verify_token $verifyToken\n");
    $body = json_encode(
        ['poi_id' => getenv('DYGW_POI'), 'short_link' => $shortLink, 'verify_token' => $verifyToken],
        JSON_THROW_ON_ERROR,
    );
    for ($attempt = 1; $attempt <= 3; $attempt++) {
        $answer = post('/v1/open/coupons/verify', $body);
        if ($answer !== null) {
            echo $answer, "\n";
            return 0;
        }
        // 超时或断线：券可能已核销，只能用同一个 verify_token 再问。
        // Timeout or cut: the coupon may be redeemed; ask again with the same verify_token only.
        fwrite(STDERR, "attempt $attempt failed\n");
        sleep(1);
    }
    return 1;
}

$command = $argv[1] ?? '';
if ($command === 'sign') {
    $fields = explode("\n", stream_get_contents(STDIN), 7);
    echo implode("\n", sign(...$fields));
} elseif ($command === 'verify' && $argc === 3) {
    exit(verify($argv[2]));
} else {
    fwrite(STDERR, "usage: sign < input | verify SHORT_LINK\n");
    exit(2);
}
