// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// TestInvalidTokenIsReportedOnce is a token revoked in mid-flight: one report,
// one new token, and all goes on.
func TestInvalidTokenIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported tokens
		f := run(t, Config{InvalidToken: reported.add}, func(r *http.Request, _ string) (int, any) {
			if r.Header.Get("X-Vault-Token") == "t1" {
				return invalidToken()
			}
			return 200, data("a", "b")
		})
		var requests []vaultreq.Request
		for i := range 50 {
			requests = append(requests, req(t, vaultreq.Read, fmt.Sprint("cubbyhole/", i)))
		}
		s := f.subscribe(requests...)
		if got := reported.all(); !slices.Equal(got, []redact.Secret{"t1"}) {
			t.Fatalf("%d reports", len(got))
		}
		if _, err := failing(t, s, requests[0]); err.Class != InvalidToken {
			t.Errorf("class %v", err.Class)
		}
		f.Authenticated("t2")
		synctest.Wait()
		for _, r := range requests {
			answered(t, s, r)
		}
		if n := f.vault.count("GET"); n != 100 {
			t.Errorf("%d requests, want each once with each token", n)
		}
	})
}

// TestSameInvalidTokenAgain is a token file that still holds the revoked token:
// no login storm, no request storm.
func TestSameInvalidTokenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported tokens
		f := run(t, Config{InvalidToken: reported.add}, func(*http.Request, string) (int, any) { return invalidToken() })
		f.subscribe(req(t, vaultreq.Read, "cubbyhole/a"))
		for range 3 {
			f.Authenticated("t1")
			time.Sleep(time.Hour)
		}
		if got := reported.all(); len(got) != 1 {
			t.Errorf("%d reports of one token", len(got))
		}
		if n := f.vault.count("GET"); n > 150 {
			t.Errorf("%d requests in three hours", n)
		}
	})
}

// TestAnswerToAnOldTokenIsTriedWithTheNew: the new token comes while the request
// is in flight.
func TestAnswerToAnOldTokenIsTriedWithTheNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported tokens
		f := run(t, Config{InvalidToken: reported.add}, func(r *http.Request, _ string) (int, any) {
			time.Sleep(time.Second)
			if r.Header.Get("X-Vault-Token") == "t1" {
				return invalidToken()
			}
			return 200, data("a", "b")
		})
		r := req(t, vaultreq.Read, "cubbyhole/a")
		s := f.subscribe(r)
		f.Authenticated("t2")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		answered(t, s, r)
		if got := reported.all(); len(got) != 0 {
			t.Errorf("the replaced token was reported")
		}
	})
}

func TestAnotherTokenMayBeAllowedMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(r *http.Request, _ string) (int, any) {
			if r.Header.Get("X-Vault-Token") == "t1" {
				return 403, refusal("permission denied")
			}
			return 200, data("a", "b")
		})
		r := req(t, vaultreq.Read, "cubbyhole/a")
		s := f.subscribe(r)
		if _, err := failing(t, s, r); err.Class != Denied {
			t.Fatalf("class %v", err.Class)
		}
		f.Authenticated("t1")
		synctest.Wait()
		if n := f.vault.count("GET"); n != 1 {
			t.Errorf("%d requests with the token that was denied", n)
		}
		f.Authenticated("t2")
		synctest.Wait()
		answered(t, s, r)
	})
}

// TestTokenServes: a token serves once a request that was refused before it succeeds,
// or any if there is none. Others that succeed do not make up for one that is refused
// with every token.
func TestTokenServes(t *testing.T) {
	for name, test := range map[string]struct {
		refused func(path, token string) bool
		served  []redact.Secret
	}{
		"each serves":            {func(string, string) bool { return false }, []redact.Secret{"t1", "t2", "t3"}},
		"none serves":            {func(string, string) bool { return true }, nil},
		"one path never":         {func(path, _ string) bool { return path == "/v1/cubbyhole/a" }, nil},
		"one path not at first":  {func(path, token string) bool { return path == "/v1/cubbyhole/a" && token == "t1" }, []redact.Secret{"t2", "t3"}},
		"another path not later": {func(path, token string) bool { return path == "/v1/cubbyhole/b" && token == "t2" }, []redact.Secret{"t1", "t3"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var served tokens
				f := run(t, Config{TokenServed: served.add, Concurrency: 1}, func(r *http.Request, _ string) (int, any) {
					if test.refused(r.URL.Path, r.Header.Get("X-Vault-Token")) {
						return invalidToken()
					}
					return 200, data("a", "b")
				})
				f.subscribe(req(t, vaultreq.Read, "cubbyhole/a"), req(t, vaultreq.Read, "cubbyhole/b"))
				for _, token := range []redact.Secret{"t2", "t3"} {
					time.Sleep(10 * time.Minute)
					f.Authenticated(token)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if got := served.all(); !slices.Equal(got, test.served) {
					t.Errorf("got %d tokens that served, want %d", len(got), len(test.served))
				}
			})
		})
	}
}

// TestTokenServesAfterSinglesEnd: requests that end unanswered are not waited for.
func TestTokenServesAfterSinglesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served tokens
		f := run(t, Config{TokenServed: served.add}, func(r *http.Request, _ string) (int, any) {
			switch {
			case r.URL.Path == "/v1/pki/sign/web" && r.Header.Get("X-Vault-Token") == "t1":
				return invalidToken()
			case r.URL.Path == "/v1/pki/sign/web":
				return 403, refusal("permission denied")
			}
			return 200, data("a", "b")
		})
		ended := make(chan error)
		go func() {
			_, err := f.Ask(t.Context(), "pki/sign/web", nil)
			ended <- err
		}()
		time.Sleep(time.Second)
		f.Authenticated("t2") // the request is denied with it, and over
		if err := <-ended; err == nil {
			t.Error("no error")
		}
		go func() {
			_, err := f.Ask(t.Context(), "pki/sign/web", nil)
			ended <- err
		}()
		<-ended
		f.Authenticated("t1")
		go func() {
			_, err := f.Ask(t.Context(), "pki/sign/web", nil) // refused, and answered so after a while
			ended <- err
		}()
		<-ended
		f.Authenticated("t3")
		f.subscribe(req(t, vaultreq.Read, "cubbyhole/a"))
		synctest.Wait()
		if got := served.all(); len(got) != 1 || got[0] != "t3" {
			t.Errorf("%d tokens served", len(got))
		}
	})
}
