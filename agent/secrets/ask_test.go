// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// reply is what Ask returned.
type reply struct {
	secret *api.Secret
	err    error
}

// asking asks in the background, and waits until the Store has done what it can.
func (f *fixture) asking(ctx context.Context, path string, params map[string]any) <-chan reply {
	c := make(chan reply, 1)
	go func() {
		s, err := f.Ask(ctx, path, params)
		c <- reply{s, err}
	}()
	synctest.Wait()
	return c
}

// waiting fails if there is a reply.
func waiting(t *testing.T, c <-chan reply) {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-c:
		t.Fatalf("Ask returned %v, %v, and was to wait", r.secret, r.err)
	default:
	}
}

// done returns the reply, which must be there.
func done(t *testing.T, c <-chan reply) reply {
	t.Helper()
	synctest.Wait()
	select {
	case r := <-c:
		return r
	default:
		t.Fatal("Ask has not returned")
		return reply{}
	}
}

func good(*http.Request, string) (int, any) { return 200, data("certificate", "c") }

// TestAskIsOneRequest for each call, with lists as lists, however often the same
// is asked.
func TestAskIsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, good)
		params := map[string]any{"csr": "-----BEGIN", "ip_sans": []string{"10.0.0.1", "::1"}, "exclude_cn_from_sans": true}
		for range 3 {
			s, err := f.Ask(t.Context(), "/pki/sign/web/", params)
			if err != nil || s.Data["certificate"] != "c" {
				t.Fatalf("Ask = %v, %v", s, err)
			}
		}
		if _, err := f.Ask(t.Context(), "any/path", nil); err != nil {
			t.Fatal(err)
		}
		got := f.vault.matching("")
		if len(got) != 4 {
			t.Fatalf("%d requests", len(got))
		}
		const body = `{"csr":"-----BEGIN","exclude_cn_from_sans":true,"ip_sans":["10.0.0.1","::1"]}`
		for _, r := range got[:3] {
			if r.line != "PUT /v1/pki/sign/web" || r.token != "t1" || r.body != body {
				t.Errorf("request %v", r)
			}
		}
		if got[3].line != "PUT /v1/any/path" || got[3].body != "{}" {
			t.Errorf("request %v", got[3])
		}
		time.Sleep(24 * time.Hour)
		if n := f.vault.count(""); n != 4 {
			t.Errorf("%d requests a day later", n)
		}
	})
}

// TestAskWaitsForRunAndToken: nothing is asked before both.
func TestAskWaitsForRunAndToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Config{}, good)
		c := f.asking(t.Context(), "pki/sign/web", nil)
		time.Sleep(time.Hour)
		waiting(t, c)
		if n := f.vault.count(""); n != 0 {
			t.Fatalf("%d requests without a token", n)
		}
		f.Authenticated("t1")
		if r := done(t, c); r.err != nil || f.vault.count("PUT") != 1 {
			t.Errorf("%v after %d requests", r.err, f.vault.count("PUT"))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		v := &fakeVault{answer: good}
		f := &fixture{Store: New(Config{Client: v.client(t), Logger: slog.New(slog.DiscardHandler)})}
		f.Authenticated("t1")
		c := f.asking(t.Context(), "pki/sign/web", nil)
		waiting(t, c)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		if r := done(t, c); r.err != nil {
			t.Error(r.err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestAskSharesTheConcurrency of the subscriptions, first come, first served.
func TestAskSharesTheConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{Concurrency: 2}, func(*http.Request, string) (int, any) {
			time.Sleep(time.Second)
			return 200, data("a", "b")
		})
		before, after := f.Subscribe(), f.Subscribe()
		want := func(s *Subscription, name string) {
			var requests []vaultreq.Request
			for i := range 10 {
				requests = append(requests, req(t, vaultreq.Read, fmt.Sprintf("cubbyhole/%s%d", name, i)))
			}
			s.Want(requests)
			synctest.Wait()
		}
		want(before, "before")
		c := f.asking(t.Context(), "pki/sign/one", nil)
		d := f.asking(t.Context(), "pki/sign/two", nil)
		want(after, "after")
		time.Sleep(20 * time.Second)
		for _, c := range []<-chan reply{c, d} {
			if r := done(t, c); r.err != nil {
				t.Error(r.err)
			}
		}
		perSecond := map[time.Time]int{}
		var turn []int
		for i, r := range f.vault.matching("") {
			if perSecond[r.at]++; perSecond[r.at] > 2 {
				t.Errorf("%d requests at once", perSecond[r.at])
			}
			if strings.HasPrefix(r.line, "PUT") {
				turn = append(turn, i)
			}
		}
		if !slices.Equal(turn, []int{10, 11}) {
			t.Errorf("the questions were requests %v of 22, want those after the ten before them", turn)
		}
	})
}

// TestAskFailuresAreReturned at once, each after one request, with what the
// caller needs to go on.
func TestAskFailuresAreReturned(t *testing.T) {
	for _, tt := range []struct {
		name    string
		path    string
		status  int
		answer  any
		want    Error
		slow    bool
		message string
		hint    string
	}{
		{"sealed", "pki/sign/web", 503, header{"Retry-After", "7", refusal("Vault is sealed")},
			Error{Class: Transient, Status: 503, RetryAfter: 7 * time.Second}, false,
			`issuing "pki/sign/web": Vault answered 503: Vault is sealed`, ""},
		{"network", "pki/sign/web", 0, errors.New("connection refused"), Error{Class: Transient}, false,
			`issuing "pki/sign/web": asking Vault: connection refused`, ""},
		{"policy", "pki/sign/web", 403, refusal("permission denied"), Error{Class: Denied, Status: 403}, true,
			`issuing "pki/sign/web": Vault answered 403: permission denied`,
			`the token's policies must allow "update" on "pki/sign/web", or there is no such mount`},
		{"names", "pki/issue/web", 400, refusal("common name a.test not allowed by this role"), Error{Class: Refused, Status: 400}, true,
			`issuing "pki/issue/web": Vault answered 400: common name a.test not allowed by this role`,
			"the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover a.test: vault read pki/roles/web"},
		{"no mount", "pki/sign/web", 404, refusal("no handler for route"), Error{Class: NotFound, Status: 404}, false,
			`issuing "pki/sign/web": Vault answered 404: no handler for route`, "check the path, its mount, and that the secret has not been deleted"},
		{"no content", "pki/revoke", 204, nil, Error{Class: Malformed}, false,
			`writing "pki/revoke": the answer contains nothing`, "check the address: a proxy or another server may be answering there"},
		{"no data", "pki/sign/web", 200, map[string]any{"data": nil}, Error{Class: Malformed}, false,
			`issuing "pki/sign/web": the answer contains nothing`, "check the address: a proxy or another server may be answering there"},
		{"page", "pki/sign/web", 200, "<html>", Error{Class: Malformed}, false,
			`issuing "pki/sign/web": the answer is not Vault's: invalid character '<' looking for beginning of value`,
			"check the address: a proxy or another server may be answering there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				f := run(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(*http.Request, string) (int, any) { return tt.status, tt.answer })
				begin := time.Now()
				_, err := f.Ask(t.Context(), tt.path, map[string]any{"password": "hunter2"})
				var got *Error
				if !errors.As(err, &got) {
					t.Fatalf("%v is no *Error", err)
				}
				if got.Class != tt.want.Class || got.Status != tt.want.Status || got.RetryAfter != tt.want.RetryAfter || got.Slow() != tt.slow {
					t.Errorf("class %v, status %d, retry after %v, slow %v", got.Class, got.Status, got.RetryAfter, got.Slow())
				}
				if got.Error() != tt.message || got.Hint() != tt.hint {
					t.Errorf("error %q\nhint %q", got, got.Hint())
				}
				if !time.Now().Equal(begin) || f.vault.count("") != 1 {
					t.Errorf("returned after %v and %d requests", time.Since(begin), f.vault.count(""))
				}
				f.stop()
				if log.Len() > 0 || strings.Contains(fmt.Sprintf("%+v %#v", err, err), "hunter2") {
					t.Errorf("logged %q", log.String())
				}
			})
		})
	}
}

// TestAskHasNoSilentRetries: the client's own, which the environment may turn on,
// are for those who can be asked twice.
func TestAskHasNoSilentRetries(t *testing.T) {
	for _, answer := range []any{refusal("internal error"), errors.New("connection reset by peer")} {
		synctest.Test(t, func(t *testing.T) {
			f := run(t, Config{}, func(*http.Request, string) (int, any) {
				if _, ok := answer.(error); ok {
					return 0, answer
				}
				return 500, answer
			})
			f.config.Client.SetMaxRetries(2)
			if _, err := f.Ask(t.Context(), "pki/sign/web", nil); err == nil {
				t.Error("no error")
			}
			if n := f.vault.count("PUT"); n != 1 {
				t.Errorf("%d requests for one question", n)
			}
			f.subscribe(req(t, vaultreq.Read, "cubbyhole/a"))
			time.Sleep(10 * time.Second)
			if n := f.vault.count("GET"); n < 3 {
				t.Errorf("%d requests for a client with 2 retries", n)
			}
		})
	}
}

// TestAskRefusesWhatCannotBeAsked without saying what it was.
func TestAskRefusesWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	s := New(Config{Client: (&fakeVault{}).client(t), Logger: slog.New(slog.DiscardHandler)})
	for want, err := range map[string]error{
		`writing "": the path in Vault is empty`: func() error {
			_, err := s.Ask(t.Context(), " / ", nil)
			return err
		}(),
		`issuing "pki/sign/web": the parameters cannot be written as JSON`: func() error {
			_, err := s.Ask(t.Context(), "pki/sign/web", map[string]any{"a": json.Number("hunter2")})
			return err
		}(),
	} {
		var got *Error
		if !errors.As(err, &got) || got.Class != Refused || got.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestAskAgainWithTheNextToken: one report, one question with each token, and no
// answer is waited for in vain.
func TestAskAgainWithTheNextToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported tokens
		f := run(t, Config{InvalidToken: reported.add}, func(r *http.Request, _ string) (int, any) {
			if r.Header.Get("X-Vault-Token") != "t3" {
				return invalidToken()
			}
			return 200, data("a", "b")
		})
		f.subscribe(req(t, vaultreq.Read, "cubbyhole/a"))
		c, d := f.asking(t.Context(), "pki/sign/one", nil), f.asking(t.Context(), "pki/sign/two", nil)
		f.Authenticated("t1")
		waiting(t, c)
		time.Sleep(time.Minute)
		waiting(t, d)
		if n := f.vault.count("PUT"); n != 2 {
			t.Errorf("%d requests with a token that was refused", n)
		}
		f.Authenticated("t2")
		waiting(t, c)
		f.Authenticated("t3")
		for _, c := range []<-chan reply{c, d} {
			if r := done(t, c); r.err != nil {
				t.Error(r.err)
			}
		}
		if got := reported.all(); !slices.Equal(got, []redact.Secret{"t1", "t2"}) {
			t.Errorf("%d reports", len(got))
		}
		if n := f.vault.count("PUT"); n != 6 {
			t.Errorf("%d requests, want each question once with each token", n)
		}
	})
}

// TestAskDoesNotWaitForATokenForEver: a login that does not come, or brings the
// same token, is news for the caller.
func TestAskDoesNotWaitForATokenForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) { return invalidToken() })
		c := f.asking(t.Context(), "pki/sign/web", nil)
		time.Sleep(5*time.Minute - time.Second)
		waiting(t, c)
		time.Sleep(time.Second)
		var err *Error
		if r := done(t, c); !errors.As(r.err, &err) || err.Class != InvalidToken || !err.Slow() {
			t.Errorf("%v", r.err)
		}
		if n := f.vault.count("PUT"); n != 1 {
			t.Errorf("%d requests", n)
		}
		f.Authenticated("t2")
		synctest.Wait()
		if n := f.vault.count("PUT"); n != 1 {
			t.Errorf("%d requests: one was made for nobody", n)
		}
	})
}

// TestAskWithATokenThatWasReplaced while the request was in flight.
func TestAskWithATokenThatWasReplaced(t *testing.T) {
	for _, text := range []string{"permission denied", "permission denied: invalid token"} {
		synctest.Test(t, func(t *testing.T) {
			var reported tokens
			f := run(t, Config{InvalidToken: reported.add}, func(r *http.Request, _ string) (int, any) {
				time.Sleep(time.Second)
				if r.Header.Get("X-Vault-Token") == "t1" {
					return 403, refusal(text)
				}
				return 200, data("a", "b")
			})
			c := f.asking(t.Context(), "pki/sign/web", nil)
			f.Authenticated("t2")
			time.Sleep(2 * time.Second)
			if r := done(t, c); r.err != nil || len(reported.all()) != 0 {
				t.Errorf("%s: %v, %d reports", text, r.err, len(reported.all()))
			}
		})
	}
}

// TestAskEndsWithItsContext, wherever the question is, and hurts no other.
func TestAskEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Config{Concurrency: 1}, func(r *http.Request, _ string) (int, any) {
			switch {
			case r.URL.Path == "/v1/pki/sign/hangs":
				<-r.Context().Done()
			case r.URL.Path == "/v1/pki/sign/late" && r.Header.Get("X-Vault-Token") == "t1":
				return invalidToken()
			}
			return 200, data("a", "b")
		})
		ctx, cancel := context.WithCancel(t.Context())
		end := func(c <-chan reply) {
			t.Helper()
			waiting(t, c)
			cancel()
			var err *Error
			if r := done(t, c); !errors.Is(r.err, context.Canceled) || !errors.As(r.err, &err) || err.Request.Path == "" {
				t.Errorf("Ask returned %v", r.err)
			}
			ctx, cancel = context.WithCancel(t.Context())
		}
		end(f.asking(ctx, "pki/sign/gate", nil))
		f.Authenticated("t1")
		end(f.asking(ctx, "pki/sign/late", nil)) // waits for a token
		f.Authenticated("t2")
		end(f.asking(ctx, "pki/sign/hangs", nil)) // in flight

		hangs := f.asking(t.Context(), "pki/sign/hangs", nil)
		end(f.asking(ctx, "pki/sign/queued", nil))
		later := f.asking(t.Context(), "pki/sign/later", nil)
		waiting(t, later)
		time.Sleep(time.Minute)
		var err *Error
		if r := done(t, hangs); !errors.As(r.err, &err) || err.Class != Transient || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the time-out of a request: %v", r.err)
		}
		if r := done(t, later); r.err != nil {
			t.Error(r.err)
		}
		cancel()
		if r := done(t, f.asking(ctx, "pki/sign/ended", nil)); !errors.Is(r.err, context.Canceled) {
			t.Errorf("with a context that had ended: %v", r.err)
		}
		var lines []string
		for _, r := range f.vault.matching("") {
			lines = append(lines, r.line)
		}
		if want := []string{
			"PUT /v1/pki/sign/late", "PUT /v1/pki/sign/hangs", "PUT /v1/pki/sign/hangs", "PUT /v1/pki/sign/later",
		}; !slices.Equal(lines, want) {
			t.Errorf("requests %q", lines)
		}
	})
}

// TestAskEndsWithRun, wherever the question is.
func TestAskEndsWithRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Config{Concurrency: 1}, func(r *http.Request, _ string) (int, any) {
			<-r.Context().Done()
			return 0, r.Context().Err()
		})
		gate := f.asking(t.Context(), "pki/sign/gate", nil)
		f.stop()
		for _, c := range []<-chan reply{gate, f.asking(t.Context(), "pki/sign/after", nil)} {
			if r := done(t, c); !errors.Is(r.err, ErrEnded) {
				t.Errorf("%v", r.err)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{Concurrency: 1}, func(r *http.Request, _ string) (int, any) {
			<-r.Context().Done()
			return 0, r.Context().Err()
		})
		flight, queued := f.asking(t.Context(), "pki/sign/flight", nil), f.asking(t.Context(), "pki/sign/queued", nil)
		f.stop()
		for _, c := range []<-chan reply{flight, queued} {
			if r := done(t, c); !errors.Is(r.err, ErrEnded) {
				t.Errorf("%v", r.err)
			}
		}
		if n := f.vault.count(""); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// stubborn answers although the request's context has ended.
type stubborn struct{ ended <-chan struct{} }

func (s stubborn) RoundTrip(r *http.Request) (*http.Response, error) {
	<-s.ended
	body := `{"data":{"certificate":"c"}}`
	return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// TestAskDeliversWhatWasIssuedAtTheEnd: an answer that came as Run ended.
func TestAskDeliversWhatWasIssuedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client := clientFor(t, "http://vault.test:8200", stubborn{ctx.Done()})
		f := &fixture{Store: New(Config{Client: client, Logger: slog.New(slog.DiscardHandler)})}
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		f.Authenticated("t1")
		c := f.asking(t.Context(), "pki/sign/web", nil)
		waiting(t, c)
		cancel()
		if r := done(t, c); r.err != nil {
			t.Errorf("the certificate is lost: %v", r.err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestAskThroughAClockThatIsSetBack does not wait until it is as late again.
func TestAskThroughAClockThatIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Config{}, good)
		c := f.asking(t.Context(), "pki/sign/web", nil)
		f.offset.Store(int64(-24 * time.Hour))
		f.Authenticated("t1")
		if r := done(t, c); r.err != nil {
			t.Error(r.err)
		}
	})
}

// TestAskAgainstServer: a certificate of two addresses, each in its list, in one
// request, over a real connection.
func TestAskAgainstServer(t *testing.T) {
	w := newWorld(t, Config{}, overTCP(t))
	w.login(t)
	s, err := w.store.Ask(t.Context(), "pki/issue/web", map[string]any{
		"common_name": "a.test", "ip_sans": []string{"10.0.0.1", "10.0.0.2"}, "ttl": "1h",
	})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := s.Data["certificate"].(string)
	if leaf := parseLeaf(text); leaf == nil || len(leaf.IPAddresses) != 2 {
		t.Errorf("the answer's certificate: %+v", leaf)
	}
	if lines := w.lines(); !slices.Equal(lines, []string{"PUT /v1/pki/issue/web 200"}) {
		t.Errorf("requests: %q", lines)
	}
	_, err = w.store.Ask(t.Context(), "pki/sign/web", map[string]any{"csr": "hunter2"})
	var refused *Error
	if !errors.As(err, &refused) || refused.Class != Denied || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
