// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

// A token that may be used a few times is replaced at once when its uses are spent, for
// as long as one looks: what is read every second is read every second.
func TestTokenWithFewUses(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.put("auth/approle/role/agent", "token_num_uses=4", "token_policies=agent", "token_ttl=1h")
		w.PutKV("app", map[string]any{"password": "one"})
		r := w.start(loginBlocks + `
template {
  contents    = "{{ with secret \"secret/data/app\" }}{{ .Data.data.password }}{{ end }}"
  destination = "DIR/password"
  change_mode = "noop"
}
template_config { static_secret_render_interval = "1s" }`)
		r.Says(logmsg.AllPublished)
		time.Sleep(10 * time.Minute)
		reads, logins := w.Asked("GET", "/v1/secret/data/app"), w.Asked("PUT", "/v1/auth/approle/login")
		if reads < 10*60 {
			t.Errorf("%d reads in ten minutes", reads)
		}
		if logins < 150 || logins > 300 {
			t.Errorf("%d logins in ten minutes", logins)
		}
	})
}
