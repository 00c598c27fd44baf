// dy-gateway 签名示例 / signing example. Go >= 1.21, standard library only.
//
//	go run dygw_example.go sign < input     打印签名与待签名串 / prints signature and string to sign
//	go run dygw_example.go verify LINK      核销一张券 / redeems a coupon; needs DYGW_URL, DYGW_CLIENT_KEY, DYGW_SECRET, DYGW_POI
//
// input 共六行：client_key、secret、timestamp、nonce、method、request_target，其后到结尾是请求正文。
// The input is six lines (client_key … request_target), then the body up to the end.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// sign returns the signature and the string it signs; body is the raw bytes that will be sent.
func sign(clientKey, secret, timestamp, nonce, method, requestTarget string, body []byte) (string, string) {
	bodyHash := sha256.Sum256(body)
	stringToSign := strings.Join([]string{
		"DYGW-HMAC-SHA256",
		clientKey,
		timestamp,
		nonce,
		strings.ToUpper(method),
		requestTarget,
		hex.EncodeToString(bodyHash[:]),
	}, "\n")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stringToSign))
	return hex.EncodeToString(mac.Sum(nil)), stringToSign
}

func randomHex() string {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		panic(err)
	}
	return hex.EncodeToString(random)
}

var httpClient = &http.Client{Timeout: 10 * time.Second}

// post is one attempt: a new timestamp and a new nonce each time.
func post(path string, body []byte) (int, string, error) {
	clientKey, timestamp, nonce := os.Getenv("DYGW_CLIENT_KEY"), strconv.FormatInt(time.Now().Unix(), 10), randomHex()
	signature, _ := sign(clientKey, os.Getenv("DYGW_SECRET"), timestamp, nonce, "POST", path, body)
	request, err := http.NewRequest("POST", os.Getenv("DYGW_URL")+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Client-Key", clientKey)
	request.Header.Set("X-Timestamp", timestamp)
	request.Header.Set("X-Nonce", nonce)
	request.Header.Set("X-Signature", signature)
	response, err := httpClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

func verify(shortLink string) {
	// 先生成并保存 verify_token，再发请求；重试永远用同一个。
	// Make and store the verify_token first; every repeat uses the same one.
	verifyToken := randomHex()
	fmt.Fprintln(os.Stderr, "verify_token", verifyToken)
	body, err := json.Marshal(map[string]string{
		"poi_id": os.Getenv("DYGW_POI"), "short_link": shortLink, "verify_token": verifyToken,
	})
	if err != nil {
		panic(err)
	}
	for attempt := 1; attempt <= 3; attempt++ {
		status, answer, err := post("/v1/open/coupons/verify", body)
		if err == nil {
			fmt.Println(status, answer)
			return
		}
		// 超时或断线：券可能已核销，只能用同一个 verify_token 再问。
		// Timeout or cut: the coupon may be redeemed; ask again with the same verify_token only.
		fmt.Fprintln(os.Stderr, "attempt", attempt, "failed:", err)
		time.Sleep(time.Second)
	}
	os.Exit(1)
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "sign":
		input, err := io.ReadAll(os.Stdin)
		if err != nil {
			panic(err)
		}
		f := strings.SplitN(string(input), "\n", 7)
		signature, stringToSign := sign(f[0], f[1], f[2], f[3], f[4], f[5], []byte(f[6]))
		fmt.Print(signature + "\n" + stringToSign)
	case len(os.Args) == 3 && os.Args[1] == "verify":
		verify(os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: sign < input | verify SHORT_LINK")
		os.Exit(2)
	}
}
