// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

func TestNothingIsAskedBeforeAuthenticated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Config{}, func(*http.Request, string) (int, any) { return 200, data("a", "b") })
		r := req(t, vaultreq.Read, "cubbyhole/a")
		s := f.subscribe(r)
		time.Sleep(time.Hour)
		if n := f.vault.count(""); n != 0 {
			t.Fatalf("%d requests without a token", n)
		}
		if a, err := s.Get(r); a != nil || err != nil {
			t.Fatalf("Get = %v, %v before anything was asked", a, err)
		}
		f.Authenticated("t1")
		if !fired(s) {
			t.Fatal("the answer did not fire the trigger")
		}
		if got := answered(t, s, r).Secret.Data["a"]; got != "b" {
			t.Errorf("the answer is %v", got)
		}
		if got := f.vault.matching("GET /v1/cubbyhole/a"); len(got) != 1 || got[0].token != "t1" {
			t.Errorf("requests: %v", got)
		}
	})
}

func TestOneFetchForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			time.Sleep(time.Second)
			return 200, map[string]any{"data": ca.issue(time.Hour)}
		})
		early := f.subscribe(req(t, vaultreq.Write, "pki/issue/web", "common_name=a", "ttl=1h"))
		same := f.subscribe(req(t, vaultreq.Write, "/pki/issue/web/", "ttl=1h", " common_name = a"))
		time.Sleep(2 * time.Second)
		late := f.subscribe(req(t, vaultreq.Write, "pki/issue/web", "common_name=a", "ttl=1h"))
		r := req(t, vaultreq.Write, "pki/issue/web", "common_name=a", "ttl=1h")
		for name, s := range map[string]*Subscription{"early": early, "same": same, "late": late} {
			if !fired(s) {
				t.Errorf("%s was not woken", name)
			}
			if answered(t, s, r) != answered(t, early, r) {
				t.Errorf("%s has an answer of its own", name)
			}
		}
		if got := f.vault.matching(""); len(got) != 1 || got[0].line != "PUT /v1/pki/issue/web" || got[0].body != `{"common_name":"a","ttl":"1h"}` {
			t.Errorf("requests: %v", got)
		}
	})
}

func TestDroppedRequestIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) { return 200, data("a", "b") })
		a, b := req(t, vaultreq.Read, "cubbyhole/a"), req(t, vaultreq.Read, "cubbyhole/b")
		s := f.subscribe(a, b)
		other := f.subscribe(b)
		s.Want([]vaultreq.Request{a})
		other.Close()
		time.Sleep(time.Hour)
		if n := f.vault.count("GET /v1/cubbyhole/b"); n != 1 {
			t.Errorf("what nobody wants was read %d times", n)
		}
		if n := f.vault.count("GET /v1/cubbyhole/a"); n < 12 {
			t.Errorf("what is wanted was read %d times", n)
		}
		if got, _ := s.Get(b); got != nil {
			t.Error("what was dropped is still answered")
		}
	})
}

// TestDroppedInFlight: what is dropped while in flight frees its worker at once,
// and even if its answer comes, it is forgotten.
func TestDroppedInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{Concurrency: 1}, func(r *http.Request, _ string) (int, any) {
			if r.URL.Path == "/v1/cubbyhole/hangs" {
				<-r.Context().Done()
				return 0, context.Cause(r.Context())
			}
			return 200, data("a", "b")
		})
		hangs, good := req(t, vaultreq.Read, "cubbyhole/hangs"), req(t, vaultreq.Read, "cubbyhole/good")
		s := f.subscribe(hangs, good)
		fired(s)
		s.Want([]vaultreq.Request{good})
		synctest.Wait()
		answered(t, s, good)
		if a, err := s.Get(hangs); a != nil || err != nil {
			t.Errorf("Get = %v, %v for what was dropped", a, err)
		}
		time.Sleep(time.Hour)
		if n := f.vault.count("GET /v1/cubbyhole/hangs"); n != 1 {
			t.Errorf("what was dropped was asked %d times", n)
		}
	})
}

func TestSuccessorTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			return 200, map[string]any{"data": ca.issue(time.Hour)}
		})
		r := req(t, vaultreq.Write, "pki/issue/web", "ttl=1h")
		old := f.subscribe(r)
		answer := answered(t, old, r)
		successor := f.Subscribe()
		successor.Want([]vaultreq.Request{r})
		old.Close()
		synctest.Wait()
		if answered(t, successor, r) != answer || f.vault.count("PUT") != 1 {
			t.Errorf("%d certificates were issued, want 1", f.vault.count("PUT"))
		}
	})
}

func TestClosedSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(*http.Request, string) (int, any) {
			time.Sleep(time.Second)
			return 200, data("a", "b")
		})
		r := req(t, vaultreq.Read, "cubbyhole/a")
		inFlight := f.subscribe(r)
		inFlight.Close()
		inFlight.Close()
		pending := f.subscribe(r)
		time.Sleep(2 * time.Second)
		pending.Close() // the trigger had fired, and nobody had looked
		for name, s := range map[string]*Subscription{"in flight": inFlight, "pending": pending} {
			s.Want([]vaultreq.Request{r})
			time.Sleep(time.Minute)
			s.wake() // as the loop does that has not heard of Close yet
			if fired(s) {
				t.Errorf("%s: the trigger fired after Close", name)
			}
			if a, err := s.Get(r); a != nil || err != ErrClosed {
				t.Errorf("%s: Get = %v, %v after Close", name, a, err)
			}
		}
	})
}

func TestStopEndsRequestsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{Concurrency: 3}, func(r *http.Request, _ string) (int, any) {
			<-r.Context().Done()
			return 0, context.Cause(r.Context())
		})
		var requests []vaultreq.Request
		for i := range 10 {
			requests = append(requests, req(t, vaultreq.Read, fmt.Sprint("cubbyhole/", i)))
		}
		s := f.subscribe(requests...)
		if n := f.vault.count("GET"); n != 3 {
			t.Fatalf("%d requests in flight, want 3", n)
		}
		begin := time.Now()
		f.stop()
		if d := time.Since(begin); d != 0 {
			t.Errorf("stopping took %v", d)
		}
		if fired(s) || f.vault.count("GET") != 3 {
			t.Error("the Store went on after the stop")
		}
		s.Want(nil)
		s.Close()
		f.Authenticated("t2")
		if err := f.Run(t.Context()); err == nil {
			t.Error("a Store can be run twice")
		}
	})
}

// TestHangingRequestEnds is a server that accepts a request and never answers:
// only this request suffers, and it is tried again.
func TestHangingRequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(r *http.Request, _ string) (int, any) {
			if r.URL.Path == "/v1/cubbyhole/hangs" {
				<-r.Context().Done()
				return 0, context.Cause(r.Context())
			}
			return 200, data("a", "b")
		})
		hangs, good := req(t, vaultreq.Read, "cubbyhole/hangs"), req(t, vaultreq.Read, "cubbyhole/good")
		s := f.subscribe(hangs, good)
		answered(t, s, good)
		time.Sleep(61 * time.Second)
		if _, err := failing(t, s, hangs); err.Class != Transient {
			t.Errorf("class %v", err.Class)
		}
		time.Sleep(61 * time.Second)
		if n := f.vault.count("GET /v1/cubbyhole/hangs"); n < 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestEqualPollWakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := cell[string]{value: "old"}
		f := run(t, Config{}, func(*http.Request, string) (int, any) { return 200, data("a", value.get()) })
		r := req(t, vaultreq.Read, "cubbyhole/a")
		s := f.subscribe(r)
		if !fired(s) {
			t.Fatal("no first answer")
		}
		first := answered(t, s, r)
		time.Sleep(30 * time.Minute)
		if n := f.vault.count("GET"); n < 6 || n > 8 {
			t.Errorf("%d reads in half an hour, want one in 4:15 to 4:45", n)
		}
		if fired(s) {
			t.Error("equal data fired the trigger")
		}
		again := answered(t, s, r)
		if again.Version != first.Version || !again.FetchedAt.After(first.FetchedAt) {
			t.Errorf("version %d at %v, then %d at %v", first.Version, first.FetchedAt, again.Version, again.FetchedAt)
		}
		value.set("new")
		time.Sleep(5 * time.Minute)
		if !fired(s) || answered(t, s, r).Version <= first.Version {
			t.Error("new data did not fire the trigger")
		}
	})
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := cell[[]string]{value: []string{"b", "a/", "c"}}
		f := run(t, Config{}, func(r *http.Request, _ string) (int, any) {
			switch r.URL.RequestURI() {
			case "/v1/sys/internal/ui/mounts/kv2/dir", "/v1/sys/internal/ui/mounts/kv2/none":
				return 200, kvMount("kv2/", "2")
			case "/v1/kv2/metadata/dir?list=true":
				return 200, data("keys", keys.get())
			}
			return 404, refusal("")
		})
		dir, none := req(t, vaultreq.List, "kv2/dir"), req(t, vaultreq.List, "kv2/none")
		s := f.subscribe(dir, none)
		if got := fmt.Sprint(answered(t, s, dir).Keys); got != "[a/ b c]" {
			t.Errorf("keys %v", got)
		}
		if got := answered(t, s, none); len(got.Keys) != 0 {
			t.Errorf("keys of nothing: %v", got.Keys)
		}
		fired(s)
		keys.set([]string{"c", "b", "a/"})
		time.Sleep(time.Hour)
		if fired(s) {
			t.Error("another order of the same keys fired the trigger")
		}
	})
}

// TestStormFreeStart is a thousand requests at once: as many in flight as is
// allowed, and each once.
func TestStormFreeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const all, concurrency = 1000, 10
		f := run(t, Config{Concurrency: concurrency}, func(*http.Request, string) (int, any) {
			time.Sleep(time.Second)
			return 200, lease("l", 360000, false)
		})
		var requests []vaultreq.Request
		for i := range all {
			requests = append(requests, req(t, vaultreq.Write, fmt.Sprint("pki/sign/", i), "ttl=1h"))
		}
		begin := time.Now()
		s := f.subscribe(requests...)
		for done := 0; done < all; {
			<-s.C()
			done = 0
			for _, r := range requests {
				if a, _ := s.Get(r); a != nil {
					done++
				}
			}
		}
		if d := time.Since(begin); d != all/concurrency*time.Second {
			t.Errorf("it took %v, so not %d at a time", d, concurrency)
		}
		if n := f.vault.count(""); n != all {
			t.Errorf("%d requests, want %d", n, all)
		}
	})
}
