// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certagent/certagent/vaultreq"
)

// TestPaths holds for KV version 2 what consul-template's shimKVv2Path and
// shimKvV2ListPath do.
func TestPaths(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mount, path, data, list string }{
		{"secret/", "secret/foo", "secret/data/foo", "secret/metadata/foo"},
		{"secret/", "secret/foo/bar", "secret/data/foo/bar", "secret/metadata/foo/bar"},
		{"secret/", "secret", "secret/data", "secret/metadata"},
		{"secret/", "secret/data/foo", "secret/data/foo", "secret/metadata/data/foo"},
		{"secret/", "secret/data", "secret/data/data", "secret/metadata/data"},
		{"secret/", "secret/metadata/foo", "secret/metadata/foo", "secret/metadata/foo"},
		{"secret/", "secret/subkeys/foo", "secret/subkeys/foo", "secret/metadata/subkeys/foo"},
		{"secret/", "secret/database", "secret/data/database", "secret/metadata/database"},
		{"team/kv/", "team/kv/foo", "team/kv/data/foo", "team/kv/metadata/foo"},
		{"elsewhere/", "secret/foo", "secret/foo", "secret/foo"},
	} {
		m := mount{tt.mount, true}
		if got := m.dataPath(tt.path); got != tt.data {
			t.Errorf("data path of %q below %q: %q, want %q", tt.path, tt.mount, got, tt.data)
		}
		if got := m.listPath(tt.path); got != tt.list {
			t.Errorf("list path of %q below %q: %q, want %q", tt.path, tt.mount, got, tt.list)
		}
		if m.kv2 = false; m.dataPath(tt.path) != tt.path || m.listPath(tt.path) != tt.path {
			t.Errorf("%q is rewritten below a mount that is not versioned", tt.path)
		}
	}
}

// kvServer has kv1/, kv2/ and, for a namespace, ns/deep/kv2/.
func kvServer(r *http.Request, body string) (int, any) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/sys/internal/ui/mounts/")
	switch {
	case ok && strings.HasPrefix(path, "kv1/"):
		return 200, kvMount("kv1/", "1")
	case ok && strings.HasPrefix(path, "kv2/"):
		return 200, kvMount("kv2/", "2")
	case ok && strings.HasPrefix(path, "deep/kv2/"):
		return 200, kvMount("ns/deep/kv2/", "2")
	case ok && strings.HasPrefix(path, "pki/"):
		return 200, data("path", "pki/", "type", "pki", "options", nil)
	case ok:
		return 403, refusal("preflight capability check returned 403")
	case r.URL.Path == "/v1/kv2/denied/cert/ca":
		return 403, refusal("permission denied")
	case strings.HasPrefix(r.URL.Path, "/v1/kv2/data/") || strings.HasPrefix(r.URL.Path, "/v1/deep/kv2/data/"):
		if r.Method == "PUT" {
			return 200, data("version", 1, "created_time", "now")
		}
		return 200, data("data", map[string]any{"a": "b"}, "metadata", map[string]any{"version": 1})
	case strings.HasPrefix(r.URL.Path, "/v1/kv2/"), strings.HasPrefix(r.URL.Path, "/v1/deep/kv2/"):
		return 404, map[string]any{"data": nil, "warnings": []string{"Invalid path for a versioned K/V secrets engine."}}
	case r.Method == "PUT" && strings.HasPrefix(r.URL.Path, "/v1/kv1/"):
		return 204, nil
	}
	return 200, data("a", "b")
}

// TestRequestsPerQuestion counts what goes over the wire, in order.
func TestRequestsPerQuestion(t *testing.T) {
	t.Parallel()
	const lookUp = "GET /v1/sys/internal/ui/mounts/"
	for _, tt := range []struct {
		name     string
		requests []vaultreq.Request
		want     []string
		body     string // of the last
	}{
		{
			"read of KV version 2", []vaultreq.Request{req(t, vaultreq.Read, "kv2/foo?version=2")},
			[]string{lookUp + "kv2/foo", "GET /v1/kv2/data/foo?version=2"}, "",
		}, {
			"one look-up for a mount", []vaultreq.Request{req(t, vaultreq.Read, "kv2/foo"), req(t, vaultreq.Read, "kv2/bar"), req(t, vaultreq.Write, "kv2/baz", "k=v")},
			[]string{lookUp + "kv2/foo", "GET /v1/kv2/data/foo", "GET /v1/kv2/data/bar", "PUT /v1/kv2/data/baz"}, `{"data":{"k":"v"}}`,
		}, {
			"KV version 1", []vaultreq.Request{req(t, vaultreq.Read, "kv1/foo"), req(t, vaultreq.Write, "kv1/foo", "k=v")},
			[]string{lookUp + "kv1/foo", "GET /v1/kv1/foo", "PUT /v1/kv1/foo"}, `{"k":"v"}`,
		}, {
			"mount that may not be seen", []vaultreq.Request{req(t, vaultreq.Read, "hidden/foo"), req(t, vaultreq.Read, "hidden/foo")},
			[]string{lookUp + "hidden/foo", "GET /v1/hidden/foo", "GET /v1/hidden/foo"}, "",
		}, {
			"signature", []vaultreq.Request{req(t, vaultreq.Write, "pki/sign/web", "csr=x")},
			[]string{"PUT /v1/pki/sign/web"}, `{"csr":"x"}`,
		}, {
			"a PKI mount's issuer", []vaultreq.Request{req(t, vaultreq.Read, "hidden/cert/ca"), req(t, vaultreq.Read, "hidden/cert/ca"), req(t, vaultreq.Read, "a/b/pki/cert/ca_chain")},
			[]string{"GET /v1/hidden/cert/ca", "GET /v1/hidden/cert/ca", "GET /v1/a/b/pki/cert/ca_chain"}, "",
		}, {
			"a CA in KV version 2", []vaultreq.Request{req(t, vaultreq.Read, "kv2/app/cert/ca"), req(t, vaultreq.Read, "kv2/app/cert/ca")},
			[]string{"GET /v1/kv2/app/cert/ca", lookUp + "kv2/app/cert/ca", "GET /v1/kv2/data/app/cert/ca", "GET /v1/kv2/data/app/cert/ca"}, "",
		}, {
			"a CA in KV version 2, under a policy", []vaultreq.Request{req(t, vaultreq.Read, "kv2/denied/cert/ca?version=2")},
			[]string{"GET /v1/kv2/denied/cert/ca?version=2", lookUp + "kv2/denied/cert/ca", "GET /v1/kv2/data/denied/cert/ca?version=2"}, "",
		}, {
			"Vault's own parts", []vaultreq.Request{req(t, vaultreq.Write, "auth/token/create/r", "ttl=1h"), req(t, vaultreq.Read, "sys/health"), req(t, vaultreq.Read, "cubbyhole/a")},
			[]string{"PUT /v1/auth/token/create/r", "GET /v1/sys/health", "GET /v1/cubbyhole/a"}, "",
		}, {
			"KV version 2 that looks like PKI", []vaultreq.Request{req(t, vaultreq.Write, "kv2/app/issue/x", "k=v")},
			[]string{"PUT /v1/kv2/app/issue/x", lookUp + "kv2/app/issue/x", "PUT /v1/kv2/data/app/issue/x"}, `{"data":{"k":"v"}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeVault{answer: kvServer}
			v := newVault(f.client(t))
			for _, r := range tt.requests {
				if _, _, err := v.fetch(t.Context(), "t1", r, time.Now()); err != nil {
					t.Fatal(err.cause)
				}
			}
			got := f.matching("")
			if len(got) != len(tt.want) {
				t.Fatalf("requests: %v, want %v", got, tt.want)
			}
			for i, line := range tt.want {
				if got[i].line != line {
					t.Errorf("request %d: %s, want %s", i, got[i].line, line)
				}
			}
			if last := got[len(got)-1].body; last != tt.body && tt.body != "" {
				t.Errorf("body %s, want %s", last, tt.body)
			}
		})
	}
}

// TestOneLookUpAtATime: many first reads below one mount look it up once.
func TestOneLookUpAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := run(t, Config{}, func(r *http.Request, body string) (int, any) {
			time.Sleep(time.Second)
			return kvServer(r, body)
		})
		var requests []vaultreq.Request
		for _, name := range strings.Split("abcdefghij", "") {
			requests = append(requests, req(t, vaultreq.Read, "kv2/"+name))
		}
		s := f.subscribe(requests...)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for _, r := range requests {
			answered(t, s, r)
		}
		if n := f.vault.count("GET /v1/sys/internal/ui/mounts/"); n != 1 {
			t.Errorf("%d look-ups", n)
		}
	})
}

func TestNamespaceCountsOnce(t *testing.T) {
	t.Parallel()
	f := &fakeVault{answer: kvServer}
	client := f.client(t)
	client.SetNamespace("ns")
	if _, _, err := newVault(client).fetch(t.Context(), "t1", req(t, vaultreq.Read, "deep/kv2/foo"), time.Now()); err != nil {
		t.Fatal(err.cause)
	}
	if f.count("GET /v1/deep/kv2/data/foo") != 1 {
		t.Errorf("requests: %v", f.matching(""))
	}
}

func TestDeletedSecrets(t *testing.T) {
	t.Parallel()
	past, future := time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339)
	content := map[string]any{"a": "b"}
	for _, tt := range []struct {
		name     string
		mount    string
		status   int
		data     any
		metadata map[string]any
		exists   bool
	}{
		{"there", "2", 200, content, map[string]any{"deletion_time": ""}, true},
		{"to be deleted later", "2", 200, content, map[string]any{"deletion_time": future}, true},
		{"deletion time is over", "2", 200, content, map[string]any{"deletion_time": past}, false},
		{"deleted", "2", 404, nil, map[string]any{"deletion_time": past}, false},
		{"destroyed", "2", 404, nil, map[string]any{"deletion_time": "", "destroyed": true}, false},
		{"destroyed behind a proxy that says 200", "2", 200, nil, map[string]any{"destroyed": true}, false},
		{"version 1 with fields of these names", "1", 200, nil, map[string]any{"x": "y"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeVault{answer: func(r *http.Request, _ string) (int, any) {
				if strings.HasPrefix(r.URL.Path, "/v1/sys/") {
					return 200, kvMount("kv/", tt.mount)
				}
				return tt.status, data("data", tt.data, "metadata", tt.metadata)
			}}
			_, _, err := newVault(f.client(t)).fetch(t.Context(), "t1", req(t, vaultreq.Read, "kv/foo"), time.Now())
			if exists := err == nil; exists != tt.exists {
				t.Fatalf("exists: %v, want %v (%v)", exists, tt.exists, err)
			}
			if err != nil && (err.Class != NotFound || err.cause.Error() != "no secret exists at kv/data/foo") {
				t.Errorf("%v: %v", err.Class, err.cause)
			}
		})
	}
}

// TestMountMadeAnew: what was known of a mount does not outlive it.
func TestMountMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		version := cell[string]{value: "1"}
		f := run(t, Config{}, func(r *http.Request, _ string) (int, any) {
			switch r.URL.Path {
			case "/v1/sys/internal/ui/mounts/kv/foo":
				return 200, kvMount("kv/", version.get())
			case "/v1/kv/foo":
				if version.get() == "1" {
					return 200, data("a", "b")
				}
			case "/v1/kv/data/foo":
				if version.get() == "2" {
					return 200, data("data", map[string]any{"a": "b"})
				}
			}
			return 404, refusal("")
		})
		r := req(t, vaultreq.Read, "kv/foo")
		s := f.subscribe(r)
		answered(t, s, r)
		version.set("2")
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if _, ok := answered(t, s, r).Secret.Data["data"]; !ok {
			t.Error("the secret was not found where it is now")
		}
	})
}

// TestFailedLookUpIsNoAnswer: consul-template takes any failure for "not
// versioned", for ever.
func TestFailedLookUpIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sealed := cell[bool]{value: true}
		f := run(t, Config{}, func(r *http.Request, body string) (int, any) {
			if sealed.get() {
				return 503, refusal("Vault is sealed")
			}
			return kvServer(r, body)
		})
		r := req(t, vaultreq.Read, "kv2/foo")
		s := f.subscribe(r)
		if _, err := failing(t, s, r); err.Class != Transient || f.vault.count("GET /v1/kv2") != 0 {
			t.Errorf("%v after %v", err, f.vault.matching(""))
		}
		sealed.set(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		answered(t, s, r)
	})
}
