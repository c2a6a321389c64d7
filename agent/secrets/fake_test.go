// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/vaultreq"
)

// fakeVault answers requests inside the process, so that it works in a synctest
// bubble, under a real client.
type fakeVault struct {
	answer func(r *http.Request, body string) (status int, answer any)

	mu       sync.Mutex
	requests []request
}

type request struct {
	line  string // such as "PUT /v1/pki/issue/web"
	token string
	body  string
	at    time.Time
}

// header is an answer with a header.
type header struct {
	name, value string
	body        any
}

func (f *fakeVault) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	line := r.Method + " " + r.URL.RequestURI()
	f.mu.Lock()
	f.requests = append(f.requests, request{line, r.Header.Get("X-Vault-Token"), string(body), time.Now()})
	f.mu.Unlock()

	status, answer := f.answer(r, string(body))
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response := &http.Response{StatusCode: status, Header: http.Header{}, Request: r}
	if h, ok := answer.(header); ok {
		response.Header.Set(h.name, h.value)
		answer = h.body
	}
	var text string
	switch answer := answer.(type) {
	case error:
		return nil, answer
	case string:
		text = answer
	case nil:
	default:
		encoded, err := json.Marshal(answer)
		if err != nil {
			return nil, err
		}
		text = string(encoded)
	}
	response.Body = io.NopCloser(strings.NewReader(text))
	return response, nil
}

// count returns how many requests began with the given line.
func (f *fakeVault) count(line string) int { return len(f.matching(line)) }

func (f *fakeVault) matching(line string) []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []request
	for _, r := range f.requests {
		if strings.HasPrefix(r.line, line) {
			found = append(found, r)
		}
	}
	return found
}

func (f *fakeVault) client(t testing.TB) *api.Client {
	t.Helper()
	c := api.DefaultConfig()
	c.Address = "http://vault.test:8200"
	c.HttpClient.Transport = f
	c.MaxRetries = 0
	client, err := api.NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	client.ClearToken()
	client.ClearNamespace()
	return client
}

// refusal is Vault's form of an error.
func refusal(text string) any { return map[string]any{"errors": []string{text}} }

func invalidToken() (int, any) {
	return 403, refusal("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
}

// lease is a secret with a lease.
func lease(id string, seconds int, renewable bool) any {
	return map[string]any{
		"lease_id": id, "lease_duration": seconds, "renewable": renewable,
		"data": map[string]any{"password": id},
	}
}

func data(pairs ...any) any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return map[string]any{"data": m}
}

func kvMount(path, version string) any {
	return data("path", path, "type", "kv", "options", map[string]any{"version": version})
}

// authority issues certificates as pki/issue does.
type authority struct {
	key    *ecdsa.PrivateKey
	root   *x509.Certificate
	serial atomic.Int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key: key, root: &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}}}
}

// issue returns an answer's data. NotBefore lies 30 s back, as Vault has it.
func (a *authority) issue(life time.Duration) map[string]any {
	return a.issueAt(time.Now().Add(-30*time.Second), time.Now().Add(life))
}

func (a *authority) issueAt(notBefore, notAfter time.Time) map[string]any {
	n := a.serial.Add(1)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1000 + n), NotBefore: notBefore, NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.root, a.key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	return map[string]any{
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"private_key": fmt.Sprint("key ", n),
		"expiration":  json.Number(fmt.Sprint(notAfter.Unix())),
	}
}

// fixture is a Store that runs in a bubble until the test ends.
type fixture struct {
	*Store
	vault  *fakeVault
	offset atomic.Int64 // what the wall clock is set ahead
	stop   func()
}

// wall is the wall clock as the Store sees it.
func (f *fixture) wall() time.Time { return time.Now().Round(0).Add(time.Duration(f.offset.Load())) }

// run starts a Store and gives it the token "t1".
func run(t *testing.T, c Config, answer func(r *http.Request, body string) (int, any)) *fixture {
	t.Helper()
	f := start(t, c, answer)
	f.Authenticated("t1")
	return f
}

// start starts a Store that has no token.
func start(t *testing.T, c Config, answer func(r *http.Request, body string) (int, any)) *fixture {
	t.Helper()
	f := &fixture{vault: &fakeVault{answer: answer}}
	c.Client = f.vault.client(t)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	f.Store = New(c)
	begin := time.Now()
	f.clock = func() reading { return reading{f.wall(), time.Since(begin)} }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	var once sync.Once
	f.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(f.stop)
	return f
}

// subscribe wants the requests and waits until the Store has done what it can.
func (f *fixture) subscribe(requests ...vaultreq.Request) *Subscription {
	s := f.Subscribe()
	s.Want(requests)
	synctest.Wait()
	return s
}

// fired says whether the trigger fired, once all is at rest.
func fired(s *Subscription) bool {
	synctest.Wait()
	select {
	case <-s.C():
		return true
	default:
		return false
	}
}

func req(t testing.TB, kind vaultreq.Kind, path string, parameters ...string) vaultreq.Request {
	t.Helper()
	r, err := vaultreq.New(kind, path, parameters...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answered returns the answer, which must be there, and no error.
func answered(t testing.TB, s *Subscription, r vaultreq.Request) *Answer {
	t.Helper()
	a, err := s.Get(r)
	if err != nil || a == nil {
		t.Fatalf("Get(%v) = %v, %v", r, a, err)
	}
	return a
}

// failing returns the error of the last attempt, which must have failed.
func failing(t testing.TB, s *Subscription, r vaultreq.Request) (*Answer, *Error) {
	t.Helper()
	a, err := s.Get(r)
	e, ok := err.(*Error)
	if !ok {
		t.Fatalf("Get(%v) = %v, %v: want an *Error", r, a, err)
	}
	return a, e
}

type tokens struct {
	mu   sync.Mutex
	seen []redact.Secret
}

func (s *tokens) add(t redact.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, t)
}

func (s *tokens) all() []redact.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]redact.Secret(nil), s.seen...)
}

// cell is a value that a test changes while the fake server reads it.
type cell[T any] struct {
	mu    sync.Mutex
	value T
}

func (c *cell[T]) set(v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value = v
}

func (c *cell[T]) get() T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}
