// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

// A write that Vault answers without content (204) is nothing to a template: "with"
// takes its "else".
func TestEmptyAnswerToAWrite(t *testing.T) {
	w := newWorld(t)
	w.put("sys/mounts/kv1", "type=kv")
	w.put("sys/policies/acl/agent", `policy=path "kv1/*" { capabilities = ["create", "update"] }`)
	w.start(loginBlocks + `
template {
  contents    = "{{ with secret \"kv1/written\" \"a=b\" }}something{{ else }}empty{{ end }}"
  destination = "DIR/out"
  change_mode = "noop"
}`)
	w.Eventually("the else branch", func() bool { return w.Read("out") == "empty" })
}

// A CA that has ended and signs all the same (leaf_not_after_behavior = truncate) makes
// certificates that have ended before they begin. They are requested ever more slowly,
// by templates of either function and by a bundle.
func TestCAThatHasEnded(t *testing.T) {
	for form, text := range map[string]string{
		"secret": threeTemplates(`"ttl=1h"`, `change_mode = "noop"`),
		"pkiCert": `
template {
  contents    = "{{ with pkiCert \"pki/issue/web\" \"common_name=example.test\" \"ttl=1h\" }}{{ .Cert }}{{ .Key }}{{ end }}"
  destination = "DIR/tls.pem"
  change_mode = "noop"
}`,
		"bundle": webBundle(`ttl = "1h"`, ""),
	} {
		t.Run(form, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.put("sys/mounts/old", "type=pki")
				w.put("old/root/generate/internal", "common_name=old.test", "ttl=3s", "key_type=ec", "key_bits=256")
				w.put("old/issuer/default", "leaf_not_after_behavior=truncate", "issuer_name=old")
				w.put("old/roles/web", "allow_any_name=true", "enforce_hostnames=false", "key_type=ec", "key_bits=256", "ttl=1h", "max_ttl=24h")
				w.put("sys/policies/acl/agent", `policy=path "*" { capabilities = ["create", "read", "update", "list"] }`)
				time.Sleep(4 * time.Second)
				w.Dev.ResetRequests()
				text := strings.NewReplacer("pki/issue/", "old/issue/", `"pki/web"`, `"old/web"`).Replace(text)
				r := w.start(loginBlocks + text + `
template_config { static_secret_render_interval = "1s" }`)
				time.Sleep(15 * time.Second)
				first := w.Asked("PUT", "/v1/old/")
				time.Sleep(time.Hour)
				hour := w.Asked("PUT", "/v1/old/") - first
				if first < 1 || first > 12 || hour > 80 {
					t.Errorf("%d requests in 15 s, then %d in an hour", first, hour)
				}
				if n := r.Count("msg=" + logmsg.Published); n > 0 {
					t.Error("a certificate that has ended was published")
				}
			})
		})
	}
}
