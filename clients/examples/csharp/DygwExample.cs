// dy-gateway 签名示例 / signing example. C# 7, .NET >= 5 or Mono, no packages.
//
//   DygwExample sign < input     打印签名与待签名串 / prints signature and string to sign
//   DygwExample verify LINK      核销一张券 / redeems a coupon; needs DYGW_URL, DYGW_CLIENT_KEY, DYGW_SECRET, DYGW_POI
//
// input 共六行：client_key、secret、timestamp、nonce、method、request_target，其后到结尾是请求正文。
// The input is six lines (client_key … request_target), then the body up to the end.
//
// .NET 10: dotnet run DygwExample.cs -- sign < input
// Mono:    mcs -r:System.Net.Http DygwExample.cs && mono DygwExample.exe sign < input

using System;
using System.IO;
using System.Net.Http;
using System.Security.Cryptography;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

public static class DygwExample
{
    static string ToHex(byte[] bytes)
    {
        return BitConverter.ToString(bytes).Replace("-", "").ToLowerInvariant();
    }

    static string Sha256Hex(byte[] bytes)
    {
        using (var sha256 = SHA256.Create()) return ToHex(sha256.ComputeHash(bytes));
    }

    /// <param name="body">the raw bytes that will be sent, empty if there are none</param>
    static string Sign(string clientKey, string secret, string timestamp, string nonce, string method,
        string requestTarget, byte[] body, out string stringToSign)
    {
        stringToSign = string.Join("\n",
            "DYGW-HMAC-SHA256",
            clientKey,
            timestamp,
            nonce,
            method.ToUpperInvariant(),
            requestTarget,
            Sha256Hex(body));
        using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(secret)))
            return ToHex(hmac.ComputeHash(Encoding.UTF8.GetBytes(stringToSign)));
    }

    static readonly HttpClient Http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };

    static string Setting(string name)
    {
        return Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException(name + " is not set");
    }

    /// <summary>One attempt: a new timestamp and a new nonce each time.</summary>
    static async Task<string> Post(string path, byte[] body)
    {
        string clientKey = Setting("DYGW_CLIENT_KEY");
        string timestamp = DateTimeOffset.UtcNow.ToUnixTimeSeconds().ToString();
        string nonce = Guid.NewGuid().ToString("N");
        string signature = Sign(clientKey, Setting("DYGW_SECRET"), timestamp, nonce, "POST", path, body, out _);
        var request = new HttpRequestMessage(HttpMethod.Post, Setting("DYGW_URL") + path);
        request.Content = new ByteArrayContent(body);
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        request.Headers.Add("X-Client-Key", clientKey);
        request.Headers.Add("X-Timestamp", timestamp);
        request.Headers.Add("X-Nonce", nonce);
        request.Headers.Add("X-Signature", signature);
        HttpResponseMessage response = await Http.SendAsync(request);
        return (int)response.StatusCode + " " + await response.Content.ReadAsStringAsync();
    }

    static int Verify(string shortLink)
    {
        // 先生成并保存 verify_token，再发请求；重试永远用同一个。
        // Make and store the verify_token first; every repeat uses the same one.
        string verifyToken = Guid.NewGuid().ToString();
        Console.Error.WriteLine("verify_token " + verifyToken);
        // 正式代码请用 JSON 库。 Use a JSON library in real code.
        byte[] body = Encoding.UTF8.GetBytes("{\"poi_id\":\"" + Setting("DYGW_POI") + "\",\"short_link\":\"" + shortLink
            + "\",\"verify_token\":\"" + verifyToken + "\"}");
        for (int attempt = 1; attempt <= 3; attempt++)
        {
            try
            {
                Console.WriteLine(Post("/v1/open/coupons/verify", body).GetAwaiter().GetResult());
                return 0;
            }
            catch (Exception error) when (error is HttpRequestException || error is TaskCanceledException)
            {
                // 超时或断线：券可能已核销，只能用同一个 verify_token 再问。
                // Timeout or cut: the coupon may be redeemed; ask again with the same verify_token only.
                Console.Error.WriteLine("attempt " + attempt + " failed: " + error.Message);
                Thread.Sleep(1000);
            }
        }
        return 1;
    }

    public static int Main(string[] args)
    {
        Console.OutputEncoding = new UTF8Encoding(false);
        if (args.Length == 1 && args[0] == "sign")
        {
            var input = new MemoryStream();
            using (Stream stdin = Console.OpenStandardInput()) stdin.CopyTo(input);
            string[] f = Encoding.UTF8.GetString(input.ToArray()).Split(new[] { '\n' }, 7);
            string signature = Sign(f[0], f[1], f[2], f[3], f[4], f[5], Encoding.UTF8.GetBytes(f[6]), out var signed);
            byte[] output = Encoding.UTF8.GetBytes(signature + "\n" + signed);
            using (Stream stdout = Console.OpenStandardOutput()) stdout.Write(output, 0, output.Length);
            return 0;
        }
        if (args.Length == 2 && args[0] == "verify") return Verify(args[1]);
        Console.Error.WriteLine("usage: sign < input | verify SHORT_LINK");
        return 2;
    }
}
