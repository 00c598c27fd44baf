// dy-gateway 签名示例 / signing example. Java >= 17, no libraries.
//
//   java DygwExample.java sign < input     打印签名与待签名串 / prints signature and string to sign
//   java DygwExample.java verify LINK      核销一张券 / redeems a coupon; needs DYGW_URL, DYGW_CLIENT_KEY, DYGW_SECRET, DYGW_POI
//
// input 共六行：client_key、secret、timestamp、nonce、method、request_target，其后到结尾是请求正文。
// The input is six lines (client_key … request_target), then the body up to the end.

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class DygwExample {
  record Signed(String signature, String stringToSign) {}

  /** body: the raw bytes that will be sent, empty if there are none. */
  static Signed sign(
      String clientKey, String secret, String timestamp, String nonce, String method, String requestTarget, byte[] body)
      throws GeneralSecurityException {
    String stringToSign =
        String.join(
            "\n",
            "DYGW-HMAC-SHA256",
            clientKey,
            timestamp,
            nonce,
            method.toUpperCase(Locale.ROOT),
            requestTarget,
            HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body)));
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(secret.getBytes(UTF_8), "HmacSHA256"));
    return new Signed(HexFormat.of().formatHex(mac.doFinal(stringToSign.getBytes(UTF_8))), stringToSign);
  }

  static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(3)).build();

  /** One attempt: a new timestamp and a new nonce each time. */
  static HttpResponse<String> post(String path, byte[] body)
      throws GeneralSecurityException, IOException, InterruptedException {
    String clientKey = System.getenv("DYGW_CLIENT_KEY");
    String timestamp = Long.toString(Instant.now().getEpochSecond());
    String nonce = UUID.randomUUID().toString();
    Signed signed = sign(clientKey, System.getenv("DYGW_SECRET"), timestamp, nonce, "POST", path, body);
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(System.getenv("DYGW_URL") + path))
            .timeout(Duration.ofSeconds(10))
            .header("Content-Type", "application/json")
            .header("X-Client-Key", clientKey)
            .header("X-Timestamp", timestamp)
            .header("X-Nonce", nonce)
            .header("X-Signature", signed.signature())
            .POST(HttpRequest.BodyPublishers.ofByteArray(body))
            .build();
    return HTTP.send(request, HttpResponse.BodyHandlers.ofString(UTF_8));
  }

  static void verify(String shortLink) throws GeneralSecurityException, InterruptedException {
    // 先生成并保存 verify_token，再发请求；重试永远用同一个。
    // Make and store the verify_token first; every repeat uses the same one.
    String verifyToken = UUID.randomUUID().toString();
    System.err.println("verify_token " + verifyToken);
    // 正式代码请用 JSON 库。 Use a JSON library in real code.
    byte[] body =
        """
        {"poi_id":"%s","short_link":"%s","verify_token":"%s"}"""
            .formatted(System.getenv("DYGW_POI"), shortLink, verifyToken)
            .getBytes(UTF_8);
    for (int attempt = 1; attempt <= 3; attempt++) {
      try {
        HttpResponse<String> response = post("/v1/open/coupons/verify", body);
        System.out.println(response.statusCode() + " " + response.body());
        return;
      } catch (IOException error) {
        // 超时或断线：券可能已核销，只能用同一个 verify_token 再问。
        // Timeout or cut: the coupon may be redeemed; ask again with the same verify_token only.
        System.err.println("attempt " + attempt + " failed: " + error);
        Thread.sleep(1000);
      }
    }
    System.exit(1);
  }

  public static void main(String[] args) throws Exception {
    if (args.length == 1 && args[0].equals("sign")) {
      String[] f = new String(System.in.readAllBytes(), UTF_8).split("\n", 7);
      Signed signed = sign(f[0], f[1], f[2], f[3], f[4], f[5], f[6].getBytes(UTF_8));
      System.out.write((signed.signature() + "\n" + signed.stringToSign()).getBytes(UTF_8));
      System.out.flush();
    } else if (args.length == 2 && args[0].equals("verify")) {
      verify(args[1]);
    } else {
      System.err.println("usage: sign < input | verify SHORT_LINK; got " + Arrays.toString(args));
      System.exit(2);
    }
  }
}
