// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

// While Vault's clock and this host's explain that certificates look invalid, no further
// ones are issued, for bundles and for templates. The log names the clocks. Once they
// agree, the certificate at hand is published.
func TestWrongClockIssuesNothing(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"this host is fast": -2 * time.Hour, "this host is slow": 2 * time.Hour} {
		for form, text := range map[string]string{
			"bundle": webBundle(`ttl = "1h"`, ""), "templates": threeTemplates(`"ttl=1h"`, ""),
		} {
			t.Run(fmt.Sprint(name, ", ", form), func(t *testing.T) {
				inBubble(t, func(t *testing.T, w *world) {
					w.Dev.SetAhead(ahead)
					r := w.start(strings.Replace(loginBlocks, `max_backoff = "1s"`, `max_backoff = "1m"`, 1) + text + `
template_config { static_secret_render_interval = "5s" }`)
					r.Says(logmsg.ClocksDiffer)
					time.Sleep(10 * time.Minute)
					if n := w.issued() + w.signed(); n != 1 {
						t.Errorf("%d certificates were issued in ten minutes of a wrong clock", n)
					}
					if n := w.Asked("GET", "/v1/sys/health"); n > 40 {
						t.Errorf("the clock was measured %d times in ten minutes", n)
					}
					if r.Count("msg="+`"?`+logmsg.Published) != 0 {
						t.Error("a certificate that looks invalid was published")
					}
					if form == "bundle" && r.Count(logmsg.IssueFailed+`.*hint="Vault's clock is 2 h (ahead of|behind) this host's: check NTP`) == 0 {
						t.Error("the failure does not name the clocks")
					}
					w.Dev.SetAhead(0)
					begin := time.Now()
					r.Says(logmsg.AllPublished)
					if took := time.Since(begin); took > 2*time.Minute {
						t.Errorf("published %s after the clocks agree", took)
					}
					r.Says(logmsg.ClocksAgree)
				})
			})
		}
	}
}
