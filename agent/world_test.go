// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/internal/harness"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, serveStubbornly(os.Args[2:]))
		os.Exit(1)
	}
	harness.AtOnce(8)
	harness.Main(m)
}

// world is a directory to work in and a dev server with a PKI, a KV and an
// AppRole that may use both.
type world struct {
	*harness.World
	bubble bool
}

const policy = `
path "pki/*" { capabilities = ["create", "read", "update", "list"] }
path "secret/*" { capabilities = ["create", "read", "update", "list"] }
path "auth/token/create/*" { capabilities = ["create", "update"] }
`

// newWorld returns a world in real time, for tests of children, file events and
// connections.
func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel() // every world is its own
	w := &world{World: harness.NewWorld(t, harness.ServerOptions{})}
	w.seed()
	return w
}

// inBubble runs a test in a synctest bubble, where certificates age at once: the
// clock moves on whenever everything waits. The agent's commands may run in it,
// and stop the clock meanwhile; a child that goes on running would stop it for
// ever.
func inBubble(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{World: &harness.World{T: t, Backend: harness.DevInBubble(t), Dir: harness.NewDir(t)}, bubble: true}
		w.seed()
		run(t, w)
	})
}

func (w *world) seed() {
	w.Helper()
	w.put("sys/mounts/pki", "type=pki")
	w.put("pki/root/generate/internal", "common_name=example.test", "ttl=8760h", "key_type=ec", "key_bits=256")
	w.put("pki/roles/web", "allow_any_name=true", "enforce_hostnames=false", "key_type=ec", "key_bits=256", "ttl=1h", "max_ttl=24h")
	w.put("sys/policies/acl/agent", "policy="+policy)
	w.put("sys/auth/approle", "type=approle")
	w.put("auth/approle/role/agent", "token_policies=agent", "token_ttl=1h")
	id, err := w.Client.Logical().Read("auth/approle/role/agent/role-id")
	w.Check(err)
	w.Write("roleid", id.Data["role_id"].(string))
	secretID := w.put("auth/approle/role/agent/secret-id")
	w.Write("secretid", secretID.Data["secret_id"].(string))
	w.Dev.ResetRequests()
}

func (w *world) put(path string, kv ...string) *api.Secret {
	w.Helper()
	data := make(map[string]any)
	for _, pair := range kv {
		k, v, _ := strings.Cut(pair, "=")
		data[k] = v
	}
	secret, err := w.Client.Logical().Write(path, data)
	w.Check(err)
	return secret
}

// issued counts how often a certificate was issued with a key of Vault's.
func (w *world) issued() int { return w.Asked("PUT", "/v1/pki/issue/") }

// signed counts how often a certificate was issued for a key of ours.
func (w *world) signed() int { return w.Asked("PUT", "/v1/pki/sign/") }

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
	w.Write("agent.hcl", strings.ReplaceAll(text, "DIR", w.Path("")))
	cfg, problems := config.Load([]string{w.Path("agent.hcl")}, config.Overrides{
		Flags:     config.Flags{Address: &w.URL},
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	if cfg == nil {
		w.Fatal(problems)
	}
	return cfg
}

// running is an agent that runs, with its log.
type running struct {
	*world
	*harness.Transcript
	stop  context.CancelFunc
	ended chan struct{}
	err   error
}

// start runs an agent until stop or the end of the test.
func (w *world) start(text string, options ...func(*agent.Agent)) *running {
	w.Helper()
	log := harness.NewTranscript(w.T)
	a := &agent.Agent{
		Config: w.load(text),
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if w.bubble {
		a.InBubble(w.Dev.Transport())
	}
	for _, option := range options {
		option(a)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{world: w, Transcript: log, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = a.Run(ctx)
	}()
	w.Cleanup(func() {
		if err := r.end(); w.Failed() {
			w.Logf("the agent ended with %v; its log:\n%s", err, log)
		}
	})
	return r
}

// end stops the agent and returns what Run returned.
func (r *running) end() error {
	r.stop()
	return r.wait()
}

// Says waits until the agent has logged a match of the pattern.
func (r *running) Says(pattern string) {
	r.Helper()
	r.Eventually("the agent says "+pattern, func() bool {
		ended := isClosed(r.ended) // first: it may log and end
		said := r.Count(pattern) > 0
		if !said && ended {
			r.Fatalf("the agent has ended with %v, before it said %s", r.err, pattern)
		}
		return said
	})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wait waits until the agent ends by itself.
func (r *running) wait() error {
	r.Helper()
	select {
	case <-r.ended:
		harness.AwaitClosed(r.T, r.Path("*.lock")) // or the claims of this agent would still be held
		harness.AwaitClosed(r.T, r.Path("*/*.lock"))
		return r.err
	case <-time.After(harness.Patience):
		r.Fatalf("the agent does not end:\n%s", r.Transcript)
		return nil
	}
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
