// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// With exit_on_retry_failure an outage is borne for as long as Vault Agent bears it, its
// client's own retries included; what Vault refuses ends the agent as early.
func TestExitOnRetryFailure(t *testing.T) {
	strict := strings.Replace(login, `address = "ADDRESS"`, "address = \"ADDRESS\"\n  retry { num_retries = 1 }\n", 1) +
		"template_config { exit_on_retry_failure = true }\n"
	for name, c := range map[string]struct {
		status      int
		text        string
		least, most time.Duration
	}{
		"outage":         {503, password(""), 9100 * time.Millisecond, 20 * time.Second},
		"outage, bundle": {503, webBlock("pki/web", ""), 9100 * time.Millisecond, 45 * time.Second},
		"refusal":        {400, password(""), 100 * time.Millisecond, 5 * time.Second},
		"no permission":  {403, password(""), 100 * time.Millisecond, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Dev.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
				of := strings.HasPrefix(r.URL.Path, "/v1/secret/") || strings.HasPrefix(r.URL.Path, "/v1/pki/")
				if of {
					answers(c.status, `{"errors":["no"]}`)(rw, r)
				}
				return of
			})
			begin := time.Now()
			p := w.start(strict + c.text)
			p.Ends(5)
			if took := time.Since(begin); took < c.least || took > c.most {
				t.Errorf("ended after %s, want %s to %s", took, c.least, c.most)
			}
		})
	}
}
