// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/vaultreq"
)

// TestClasses is each way in which Vault, or what stands before it, can fail.
func TestClasses(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	without := func(key string) any {
		d := ca.issue(time.Hour)
		delete(d, key)
		return map[string]any{"data": d}
	}
	const page = "<html><body>Sign in to the guest network</body></html>"
	for _, tt := range []struct {
		name    string
		kind    vaultreq.Kind
		status  int
		answer  any
		class   Class
		message string
	}{
		{"network", vaultreq.Read, 0, errors.New("connection refused"), Transient, "asking Vault: connection refused"},
		{"500", vaultreq.Read, 500, refusal("internal error"), Transient, "Vault answered 500: internal error"},
		{"sealed", vaultreq.Read, 503, refusal("Vault is sealed"), Transient, "Vault answered 503: Vault is sealed"},
		{"not initialised", vaultreq.Read, 501, refusal("not initialized"), Transient, "501"},
		{"standby behind", vaultreq.Write, 412, refusal("required index state not present"), Transient, "412"},
		{"rate limit", vaultreq.Write, 429, refusal("request path \"x\": rate limit quota exceeded"), Transient, "429"},
		{"proxy without a server", vaultreq.Read, 502, page, Transient, "the server answered 502 without a reason"},
		{"policy", vaultreq.Read, 403, refusal("1 error occurred:\n\t* permission denied\n\n"), Denied, "Vault answered 403: 1 error occurred: * permission denied"},
		{"revoked token", vaultreq.Read, 403, refusal("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"), InvalidToken, "invalid token"},
		{"proxy's 403 is no word on the token", vaultreq.Read, 403, "invalid token" + page, Denied, "the server answered 403 without a reason"},
		{"no secret", vaultreq.Read, 404, refusal(""), NotFound, "no secret exists at pki/issue/web"},
		{"no data", vaultreq.Read, 200, map[string]any{"data": nil}, NotFound, "no secret exists at pki/issue/web"},
		{"no content", vaultreq.Read, 204, nil, NotFound, "no secret exists at pki/issue/web"},
		{"no mount", vaultreq.Write, 404, refusal("no handler for route"), NotFound, "no secret exists at pki/issue/web"},
		{"no certificate at all", vaultreq.Certificate, 204, nil, NotFound, "no secret exists at pki/issue/web"},
		{"unknown role", vaultreq.Write, 400, refusal("unknown role: web"), Refused, "Vault answered 400: unknown role: web"},
		{"a token among the parameters", vaultreq.Write, 400, refusal("invalid token"), Refused, "Vault answered 400: invalid token"},
		{"read of issue", vaultreq.Read, 405, refusal("unsupported operation"), Refused, "405"},
		{"page", vaultreq.Read, 200, page, Malformed, "the answer is not Vault's"},
		{"another JSON", vaultreq.Read, 200, `[1,2]`, Malformed, "the answer is not Vault's"},
		{"half an answer", vaultreq.Read, 200, `{"data":{"a":`, Transient, "unexpected EOF"},
		{"issue without certificate", vaultreq.Write, 200, without("certificate"), Malformed, "the answer contains no certificate"},
		{"issue without key", vaultreq.Certificate, 200, without("private_key"), Malformed, "the answer contains no private key"},
		{"issue without data", vaultreq.Certificate, 200, map[string]any{"data": nil, "request_id": "x"}, NotFound, "no secret exists"},
		{"issue of nonsense", vaultreq.Certificate, 200, data("certificate", "-----BEGIN", "private_key", "k"), Malformed, "the answer contains no certificate"},
		{"list of no strings", vaultreq.List, 200, data("keys", []int{1}), Malformed, "a key is not a string"},
		{"list of no list", vaultreq.List, 200, data("keys", "a"), Malformed, "the keys are not a list"},
		{"redirect twice", vaultreq.Read, 307, header{"Location", "http://other.test/v1/x", nil}, Malformed, "the server answered 307"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeVault{answer: func(r *http.Request, _ string) (int, any) {
				if strings.HasPrefix(r.URL.Path, "/v1/sys/internal/ui/mounts/") {
					return 404, nil
				}
				return tt.status, tt.answer
			}}
			v := newVault(f.client(t))
			r := vaultreq.Request{Kind: tt.kind, Path: "pki/issue/web"}
			if tt.kind == vaultreq.Write || tt.kind == vaultreq.Certificate {
				r.Params = "{}"
			}
			answer, _, err := v.fetch(t.Context(), "t1", r, time.Now())
			if err == nil {
				t.Fatalf("no error, but %+v", answer.Secret)
			}
			err.Request = r
			if err.Class != tt.class || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("%v error %q, want %v and %q", err.Class, err, tt.class, tt.message)
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "<html") {
				t.Errorf("the error is more than one line, or has foreign text: %q", err)
			}
		})
	}
}

func TestFailureKeepsTheOldAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		var down cell[bool]
		f := run(t, Config{Retries: 3}, func(*http.Request, string) (int, any) {
			if down.get() {
				return 0, errors.New("connection refused")
			}
			return 200, map[string]any{"data": ca.issue(time.Hour)}
		})
		r := req(t, vaultreq.Write, "pki/issue/web", "ttl=1h")
		s := f.subscribe(r)
		good := answered(t, s, r)
		fired(s)
		down.set(true)
		time.Sleep(58 * time.Minute)
		if !fired(s) {
			t.Error("the failure did not fire the trigger")
		}
		held, err := failing(t, s, r)
		if held == nil || held.Version != good.Version {
			t.Error("the old answer is gone")
		}
		if err.Failures < 2 || !err.RetryAt.After(f.wall()) {
			t.Errorf("%d failures, again at %v", err.Failures, err.RetryAt)
		}

		// Hours after its end the old answer is still there, and the pace is the
		// emergency's.
		time.Sleep(5 * time.Hour)
		before := f.vault.count("PUT")
		time.Sleep(time.Hour)
		if n := f.vault.count("PUT") - before; n < 240 || n > 2400 {
			t.Errorf("%d attempts an hour after the end, want one in 1.5 to 15 s", n)
		}
		if held, err := failing(t, s, r); held == nil || !err.Exhausted {
			t.Errorf("after the end: answer %v, exhausted %v", held, err.Exhausted)
		}
		down.set(false)
		time.Sleep(16 * time.Second)
		if !fired(s) || answered(t, s, r).Version == good.Version {
			t.Error("did not recover")
		}
	})
}

// TestRecoveryWithEqualData fires: the error is gone.
func TestRecoveryWithEqualData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down cell[bool]
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			if down.get() {
				return 500, refusal("no")
			}
			return 200, data("a", "b")
		})
		r := req(t, vaultreq.Read, "cubbyhole/a")
		s := f.subscribe(r)
		version := answered(t, s, r).Version
		down.set(true)
		time.Sleep(5 * time.Minute)
		failing(t, s, r)
		fired(s)
		down.set(false)
		time.Sleep(time.Minute)
		if !fired(s) || answered(t, s, r).Version != version {
			t.Error("the recovery was not told, or told as new content")
		}
	})
}

// TestPatience is vault.retry: a failure is final when Vault Agent's retries would be
// over. In an outage that includes those of its client, which go on for up to 4.5 s at
// each attempt; on what cannot heal it does not. How often is asked meanwhile does not
// matter.
func TestPatience(t *testing.T) {
	const ms = time.Millisecond
	seconds := func(min, max time.Duration) Config { return Config{MinBackoff: min, MaxBackoff: max} }
	for name, test := range map[string]struct {
		config  Config
		retries int
		status  int
		sum     time.Duration
	}{
		"an outage, the defaults":         {Config{}, 0, 503, 303750*ms + 13*4500*ms},
		"an outage, three retries":        {seconds(time.Second, time.Second), 3, 503, 3*time.Second + 4*4500*ms},
		"an outage, no retries":           {Config{}, -1, 500, 4500 * ms},
		"a full standby":                  {Config{}, 4, 412, 3750*ms + 5*4500*ms},
		"a rate limit":                    {Config{}, 4, 429, 3750*ms + 5*4500*ms},
		"no permission, the defaults":     {Config{}, 0, 403, 303750 * ms},
		"no permission, three retries":    {seconds(time.Second, time.Second), 3, 403, 3 * time.Second},
		"no such secret":                  {Config{}, 4, 404, 3750 * ms},
		"no such secret, no retries":      {Config{}, -7, 404, 0},
		"a refusal":                       {Config{}, 2, 400, 750 * ms},
		"a refusal, an hour between them": {seconds(time.Hour, time.Hour), 2, 400, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.config.Retries = test.retries
				f := run(t, test.config, func(*http.Request, string) (int, any) { return test.status, refusal("no") })
				r := req(t, vaultreq.Read, "sys/a")
				begin := time.Now()
				s := f.subscribe(r)
				for {
					<-s.C()
					if _, err := failing(t, s, r); err.Exhausted || err.Failures > 1000 {
						break
					}
				}
				if took := time.Since(begin); took < test.sum || took > test.sum+test.sum/5+time.Second {
					t.Errorf("final after %s, want %s", took, test.sum)
				}
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			return 429, header{"Retry-After", "60", refusal("rate limit quota exceeded")}
		})
		f.subscribe(req(t, vaultreq.Read, "cubbyhole/a"))
		time.Sleep(59 * time.Second)
		if n := f.vault.count("GET"); n != 1 {
			t.Errorf("%d requests within the time that the server asked for", n)
		}
		time.Sleep(2 * time.Second)
		if n := f.vault.count("GET"); n != 2 {
			t.Errorf("%d requests after it", n)
		}
	})
}

// TestOneFailureHurtsOnlyItself: the others keep their pace, and nothing is asked
// in a loop.
func TestOneFailureHurtsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{Concurrency: 1}, func(r *http.Request, _ string) (int, any) {
			if r.URL.Path == "/v1/cubbyhole/denied" {
				return 403, refusal("permission denied")
			}
			return 200, data("a", "b")
		})
		s := f.subscribe(req(t, vaultreq.Read, "cubbyhole/denied"), req(t, vaultreq.Read, "cubbyhole/good"))
		time.Sleep(time.Hour)
		if n := f.vault.count("GET /v1/cubbyhole/good"); n < 13 || n > 15 {
			t.Errorf("the good one was read %d times in an hour", n)
		}
		if n := f.vault.count("GET /v1/cubbyhole/denied"); n < 10 || n > 60 {
			t.Errorf("the denied one was tried %d times in an hour", n)
		}
		_, err := failing(t, s, req(t, vaultreq.Read, "cubbyhole/denied"))
		if want := `the token's policies must allow "read" on "cubbyhole/denied", or there is no such mount`; err.Hint() != want {
			t.Errorf("hint %q", err.Hint())
		}
	})
}

// TestLogIsNoStorm: a thousand secrets fail for one reason, for a day.
func TestLogIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var down cell[bool]
		down.set(true)
		f := run(t, Config{Logger: slog.New(slog.NewJSONHandler(&log, nil))}, func(*http.Request, string) (int, any) {
			if down.get() {
				return 503, refusal("Vault is sealed")
			}
			return 200, data("password", "hunter2")
		})
		var requests []vaultreq.Request
		for i := range 1000 {
			requests = append(requests, req(t, vaultreq.Write, fmt.Sprint("auth/", i), "password=hunter2"))
		}
		f.subscribe(requests...)
		time.Sleep(10 * time.Minute)
		f.stop()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) < 5 || len(lines) > 11 {
			t.Errorf("%d lines in ten minutes", len(lines))
		}
		var line map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
			t.Fatal(err)
		}
		if line["level"] != "WARN" || !strings.Contains(line["error"].(string), "Vault is sealed") || line["attempt"] != 1.0 {
			t.Errorf("first line: %v", line)
		}
		if strings.Contains(log.String(), "hunter2") {
			t.Error("a parameter is in the log")
		}
	})
}

// TestOutageIsSpread: a thousand requests that fail together do not come back
// together.
func TestOutageIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) { return 0, errors.New("connection refused") })
		var requests []vaultreq.Request
		for i := range 1000 {
			requests = append(requests, req(t, vaultreq.Read, fmt.Sprint("cubbyhole/", i)))
		}
		f.subscribe(requests...)
		time.Sleep(20 * time.Minute)
		perSecond := map[int64]int{}
		for _, r := range f.vault.matching("") {
			perSecond[r.at.Unix()]++
		}
		// On average a thousand in half a minute, since the bound is a minute.
		for second := time.Now().Unix() - 600; second < time.Now().Unix(); second++ {
			if n := perSecond[second]; n < 5 || n > 80 {
				t.Fatalf("%d requests in one second of an outage, want some thirty", n)
			}
		}
	})
}

// TestLogTellsWhatToDo: each line once, with the path, the reason and the remedy.
func TestLogTellsWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var fixed cell[bool]
		f := run(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(r *http.Request, _ string) (int, any) {
			switch {
			case fixed.get():
				return 200, data("a", "b")
			case r.URL.Path == "/v1/auth/wrong":
				return 400, refusal("unknown role: wrong")
			case r.URL.Path == "/v1/auth/gone":
				return 404, refusal("")
			case r.URL.Path == "/v1/auth/warns":
				return 200, map[string]any{"data": map[string]any{"a": "b"}, "warnings": []string{"TTL was capped"}}
			}
			return 200, "<html>"
		})
		f.subscribe(req(t, vaultreq.Write, "auth/wrong"), req(t, vaultreq.Read, "auth/gone"), req(t, vaultreq.Read, "auth/page"), req(t, vaultreq.Read, "auth/warns"))
		fixed.set(true)
		time.Sleep(10 * time.Minute)
		f.stop()
		for _, want := range []string{
			`level=ERROR msg="` + logmsg.SecretFailed + `" path=auth/wrong error="writing \"auth/wrong\": Vault answered 400: unknown role: wrong"`,
			`hint="check the path, the parameters, and the role that they name"`,
			`level=ERROR msg="` + logmsg.SecretFailed + `" path=auth/gone error="reading \"auth/gone\": no secret exists at auth/gone"`,
			`hint="check the path, its mount, and that the secret has not been deleted"`,
			`hint="check the address: a proxy or another server may be answering there"`,
			`level=WARN msg="` + logmsg.VaultWarning + `" path=auth/warns error="TTL was capped"`,
			`level=INFO msg="` + logmsg.SecretsRecovered + `"`,
		} {
			if n := strings.Count(log.String(), want); n != 1 {
				t.Errorf("%d times %s in\n%s", n, want, log.String())
			}
		}
	})
}
