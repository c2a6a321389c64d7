// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"go.uber.org/goleak"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/dev"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, serveStubbornly(os.Args[2:]))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// world is a directory to work in and a dev server with a PKI, a KV and an
// AppRole that may use both.
type world struct {
	*testing.T
	dir    string
	server *dev.Server
	root   *api.Client
	url    string
}

const policy = `
path "pki/*" { capabilities = ["create", "read", "update", "list"] }
path "secret/*" { capabilities = ["create", "read", "update", "list"] }
path "auth/token/create/*" { capabilities = ["create", "update"] }
`

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel() // every world is its own
	server := dev.New(dev.Options{})
	listener, err := server.Start(context.Background(), dev.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := api.DefaultConfig()
	cfg.Address = listener.URL
	root, err := api.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cfg.HttpClient.CloseIdleConnections() })
	root.SetToken(server.RootToken())
	w := &world{T: t, dir: t.TempDir(), server: server, root: root, url: listener.URL}
	w.seed()
	return w
}

func (w *world) seed() {
	w.Helper()
	w.put("sys/mounts/pki", "type=pki")
	w.put("pki/root/generate/internal", "common_name=example.test", "ttl=8760h", "key_type=ec", "key_bits=256")
	w.put("pki/roles/web", "allow_any_name=true", "enforce_hostnames=false", "key_type=ec", "key_bits=256", "ttl=1h", "max_ttl=24h")
	w.put("sys/policies/acl/agent", "policy="+policy)
	w.put("sys/auth/approle", "type=approle")
	w.put("auth/approle/role/agent", "token_policies=agent", "token_ttl=1h")
	id := w.get("auth/approle/role/agent/role-id")
	w.write("roleid", id.Data["role_id"].(string))
	secretID := w.put("auth/approle/role/agent/secret-id")
	w.write("secretid", secretID.Data["secret_id"].(string))
	w.server.ResetRequests()
}

func (w *world) put(path string, kv ...string) *api.Secret {
	w.Helper()
	data := make(map[string]any)
	for _, pair := range kv {
		k, v, _ := strings.Cut(pair, "=")
		data[k] = v
	}
	secret, err := w.root.Logical().Write(path, data)
	if err != nil {
		w.Fatal(err)
	}
	return secret
}

func (w *world) putKV(path string, data map[string]any) {
	w.Helper()
	if _, err := w.root.Logical().Write("secret/data/"+path, map[string]any{"data": data}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) get(path string) *api.Secret {
	w.Helper()
	secret, err := w.root.Logical().Read(path)
	if err != nil {
		w.Fatal(err)
	}
	return secret
}

// path returns a path below the world's directory.
func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, content string) {
	w.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), 0o600); err != nil {
		w.Fatal(err)
	}
}

// read returns a file's content, "" if there is none.
func (w *world) read(name string) string {
	w.Helper()
	content, err := os.ReadFile(w.path(name))
	if err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	return string(content)
}

// issued counts how often a certificate was issued.
func (w *world) issued() int { return w.asked("PUT", "/v1/pki/issue/") }

// asked counts the requests of a method whose path begins with the prefix.
func (w *world) asked(method, prefix string) int {
	n := 0
	for _, r := range w.server.Requests() {
		if r.Method == method && strings.HasPrefix(r.Path, prefix) {
			n++
		}
	}
	return n
}

// loginBlocks is the configuration's beginning: DIR stands for the directory.
const loginBlocks = `
auto_auth {
  method "approle" {
    min_backoff = "100ms"
    max_backoff = "1s"
    config = {
      role_id_file_path                   = "DIR/roleid"
      secret_id_file_path                 = "DIR/secretid"
      remove_secret_id_file_after_reading = false
    }
  }
}
`

// load reads a configuration; DIR in it stands for the world's directory.
func (w *world) load(text string) *config.Config {
	w.Helper()
	w.write("agent.hcl", strings.ReplaceAll(text, "DIR", w.dir))
	address := w.url
	cfg, problems := config.Load([]string{w.path("agent.hcl")}, config.Overrides{
		Flags:     config.Flags{Address: &address},
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if cfg == nil {
		w.Fatal(problems)
	}
	return cfg
}

// running is an agent that runs.
type running struct {
	*world
	log   *lockedBuffer
	stop  context.CancelFunc
	ended chan struct{}
	err   error
}

// start runs an agent until stop or the end of the test.
func (w *world) start(text string, options ...func(*agent.Agent)) *running {
	w.Helper()
	log := new(lockedBuffer)
	a := &agent.Agent{
		Config: w.load(text),
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, option := range options {
		option(a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{world: w, log: log, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = a.Run(ctx)
	}()
	w.Cleanup(func() {
		r.end()
		if w.Failed() {
			w.Logf("the agent's log:\n%s", log)
		}
	})
	return r
}

// end stops the agent and returns what Run returned.
func (r *running) end() error {
	r.stop()
	return r.wait()
}

// wait waits until the agent ends by itself.
func (r *running) wait() error {
	r.Helper()
	select {
	case <-r.ended:
		return r.err
	case <-time.After(time.Minute):
		r.Fatalf("the agent does not end:\n%s", r.log)
		return nil
	}
}

// eventually waits until the condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			w.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// logs waits until the log has the text.
func (r *running) logs(text string) {
	r.Helper()
	r.eventually("the log says "+text, func() bool { return strings.Contains(r.log.String(), text) })
}

// count says how often the log has the text.
func (r *running) count(text string) int { return strings.Count(r.log.String(), text) }

// pair fails the test unless certificate and key fit; it returns the leaf.
func (w *world) pair(cert, key string) *x509.Certificate {
	w.Helper()
	p, err := tls.X509KeyPair([]byte(w.read(cert)), []byte(w.read(key)))
	if err != nil {
		w.Fatalf("%s and %s: %v", cert, key, err)
	}
	return p.Leaf
}

// leaf returns the first certificate in a file, nil if there is none.
func (w *world) leaf(name string) *x509.Certificate {
	block, _ := pem.Decode([]byte(w.read(name)))
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return cert
}

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// threeTemplates is the form that Vault Agent's users have: CA, certificate and
// key from one pki/issue, with an optional reaction in each template.
func threeTemplates(params, reaction string) string {
	var b strings.Builder
	for _, file := range []struct{ name, field string }{{"ca.crt", "issuing_ca"}, {"tls.crt", "certificate"}, {"tls.key", "private_key"}} {
		fmt.Fprintf(&b, `
template {
  contents    = "{{ with secret \"pki/issue/web\" \"common_name=example.test\" %s }}{{ .Data.%s }}{{ end }}"
  destination = "DIR/%s"
  %s
}
`, strings.ReplaceAll(params, `"`, `\"`), file.field, file.name, reaction)
	}
	return b.String()
}
