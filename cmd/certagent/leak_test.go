// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// canaries are secrets whose text must not be seen anywhere but where it was
// configured to go.
type canaries struct {
	mu    sync.Mutex
	texts map[string]string // what each is, by its text
}

func (c *canaries) add(what, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text = strings.TrimSpace(text); len(text) < 16 {
		return // too short to be told from chance
	}
	if c.texts == nil {
		c.texts = make(map[string]string)
	}
	c.texts[text] = what
}

// addKey adds each line of a private key.
func (c *canaries) addKey(pem string) {
	for line := range strings.Lines(pem) {
		if !strings.HasPrefix(line, "-----") {
			c.add("private key", line)
		}
	}
}

// searched fails the test if one of them is in the text.
func (c *canaries) searched(t *testing.T, where, text string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for canary, what := range c.texts {
		if strings.Contains(text, canary) {
			t.Errorf("a secret, %s %q, is seen in %s", what, canary, where)
		}
	}
}

const (
	kvCanary  = "canary-of-the-key-value-store"
	envCanary = "canary-of-the-environment-template"
)

// method is a login method to be set up.
type method struct {
	name, block string
	setUp       func(w *world, c *canaries)
}

var methods = []method{
	{"approle", `method "approle" {
		config = {
			role_id_file_path                   = "DIR/roleid"
			secret_id_file_path                 = "DIR/secretid"
			remove_secret_id_file_after_reading = false
		}`, func(w *world, c *canaries) { c.add("secret id", w.Read("secretid")) }},
	{"token_file", `method "token_file" {
		config = { token_file_path = "DIR/token-file" }`, func(w *world, c *canaries) {
		token, err := seed.Token(w.Context(), w.Client, seed.Params{"policies": []string{"agent"}, "ttl": "1h"})
		w.Check(err)
		c.add("token file", token)
		w.Write("token-file", token)
	}},
	{"jwt", `method "jwt" {
		config = {
			path                     = "DIR/jwt"
			role                     = "agent"
			remove_jwt_after_reading = false
		}`, func(w *world, c *canaries) { w.writeJWT("jwt", c) }},
	{"kubernetes", `method "kubernetes" {
		config = {
			token_path = "DIR/jwt"
			role       = "agent"
		}`, func(w *world, c *canaries) { w.writeJWT("kubernetes", c) }},
	{"cert", `method "cert" {
		config = {
			name        = "agent"
			ca_cert     = "DIR/ca.crt"
			client_cert = "DIR/client.crt"
			client_key  = "DIR/client.key"
		}`, func(w *world, c *canaries) {
		pair, err := seed.Issue(w.Context(), w.Client, "pki/issue/web", seed.Params{"common_name": "agent"})
		w.Check(err)
		w.Check(seed.CertLogin(w.Context(), w.Client, "cert", "agent", pair.CA, seed.Params{"token_policies": "agent"}))
		w.Write("client.crt", pair.Cert)
		w.Write("client.key", string(pair.Key))
		c.addKey(string(pair.Key))
	}},
}

// writeJWT lets a JWT log in by the method mounted at a place.
func (w *world) writeJWT(mount string, c *canaries) {
	w.Helper()
	role := seed.JWT{Mount: mount, Role: "agent", Params: seed.Params{"token_policies": "agent", "bound_subject": "agent", "bound_audiences": "vault"}}
	signer, err := role.Apply(w.Context(), w.Client)
	w.Check(err)
	jwt, err := signer.Sign(map[string]any{"sub": "agent", "aud": "vault", "exp": 4102444800})
	w.Check(err)
	c.add("JWT", jwt)
	w.Write("jwt", jwt)
}

// leaky is a configuration with what may give secrets away: templates whose
// errors quote their input, commands, and a child with a secret in its environment.
const leaky = `
vault {
	address = "ADDRESS"
	ca_cert = "DIR/ca.crt"
}
template_config {
	lease_renewal_threshold       = 0.05
	static_secret_render_interval = "1s"
}
template {
	contents    = "{{ with secret \"secret/data/canary\" }}{{ .Data.data.value | parseInt }}{{ end }}"
	destination = "DIR/number"
}
template {
	contents    = "{{ with secret \"secret/data/canary\" }}{{ .Data.data.value | parseJSON }}{{ end }}"
	destination = "DIR/json"
}
template {
	contents    = "{{ with secret \"secret/data/other\" }}{{ index .Data.data.value 1000 }}{{ end }}"
	destination = "DIR/indexed"
}
template {
	contents    = "{{ with secret \"secret/data/third\" }}{{ .Data.data.value }}{{ end }}"
	destination = "DIR/value"
	command     = ["sh", "-c", "tr '\\0' '\\n' < /proc/$$/environ >> DIR/seen; tr '\\0' '\\n' < /proc/$$/cmdline >> DIR/seen; exit 1"]
}
`

func TestSecretsDoNotLeak(t *testing.T) {
	for _, m := range methods {
		t.Run(m.name, func(t *testing.T) {
			w := newWorldWith(t, harness.ServerOptions{TLS: true})
			var c canaries
			c.add("token in certagent's environment", "canary-token-of-the-environment")
			c.add("value", kvCanary)
			for _, path := range []string{"canary", "other", "third"} {
				w.PutKV(path, map[string]any{"value": kvCanary})
			}
			w.Write("ca.crt", string(w.CA))
			m.setUp(w, &c)
			refuse := w.watchTokens(&c)

			text := "auto_auth {\n" + m.block + "\n min_backoff = \"100ms\"\n max_backoff = \"500ms\"\n}\n sink \"file\" { config = { path = \"DIR/token\" } }\n}\n"
			p := w.startEnv([]string{"VAULT_TOKEN=canary-token-of-the-environment"}, text+leaky+certificate(often, ""), "-log-level=trace")
			p.Says(logmsg.Published + ` bundle=\S*tls`)
			p.Says(logmsg.ChangeFailed)
			p.SaysTimes(`render failed`, 2)
			c.addKey(w.Read("tls/tls.key"))
			p.SaysTimes(logmsg.Published+` bundle=\S*tls`, 2) // a renewal
			c.addKey(w.Read("tls/tls.key"))

			refuse(true) // an answer that quotes the question
			p.Says(logmsg.SecretNotRenewed)
			refuse(false)
			w.Dev.RevokeToken(w.Read("token"))
			if m.name != "token_file" {
				p.SaysTimes(logmsg.LoggedIn+` method`, 2)
			} else {
				p.Says(logmsg.LoginFailed)
			}
			p.stop()

			c.searched(t, "the output", p.String())
			seen := w.Read("seen")
			if !strings.Contains(seen, "VAULT_ADDR=") || !strings.Contains(seen, "/proc/") {
				t.Fatalf("the command has not noted its environment and arguments:\n%s", seen)
			}
			c.searched(t, "a command's environment or arguments", seen)
			if p.Count(`TRC|DBG`) == 0 {
				t.Error("nothing was logged below info")
			}
			if m.name != "token_file" && !c.has("token") {
				t.Error("no token was seen at the server")
			}
		})
	}
}

func (c *canaries) has(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.texts {
		if w == what {
			return true
		}
	}
	return false
}

// watchTokens adds each token with which the server is asked. While refuse is
// on, requests are answered with an error that quotes them.
func (w *world) watchTokens(c *canaries) (refuse func(bool)) {
	var mu sync.Mutex
	refusing := false
	w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		token := r.Header.Get("X-Vault-Token")
		c.add("token", token)
		mu.Lock()
		defer mu.Unlock()
		if refusing {
			answers(500, "<html>"+token+"</html>")(rw, r)
		}
		return refusing
	})
	return func(on bool) {
		mu.Lock()
		defer mu.Unlock()
		refusing = on
	}
}

// What an env_template renders is in the child's environment, under its name,
// and nowhere else.
func TestEnvTemplateReachesTheChildAlone(t *testing.T) {
	w := newWorld(t)
	var c canaries
	c.add("value", envCanary)
	c.add("secret id", w.Read("secretid"))
	w.watchTokens(&c)
	w.PutKV("canary", map[string]any{"value": envCanary})
	p := w.startEnv([]string{"VAULT_TOKEN=canary-token-of-the-environment"}, login+`env_template "CHILD_SECRET" {
  contents = "{{ with secret \"secret/data/canary\" }}{{ .Data.data.value }}{{ end }}"
}
`+child("tr '\\0' '\\n' < /proc/$$/environ > seen.new; mv seen.new seen; while :; do sleep 0.05; done", ""), "-log-level=trace")
	harness.Eventually(t, "the child's environment", func() bool { return w.Read("seen") != "" })
	p.stop()
	c.add("token in certagent's environment", "canary-token-of-the-environment")
	c.searched(t, "the output", p.String())
	var others []string
	found := false
	for _, variable := range strings.Split(w.Read("seen"), "\n") {
		if variable == "CHILD_SECRET="+envCanary {
			found = true
			continue
		}
		others = append(others, variable)
	}
	if !found {
		t.Error("the child misses its variable")
	}
	c.searched(t, "the rest of the child's environment", strings.Join(others, "\n"))
}
