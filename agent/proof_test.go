// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// serveStubborn starts a server that ignores SIGHUP, with the certificate that is on
// disk, and writes its number to DIR/server.pid.
func (w *world) serveStubborn(address string) {
	w.Helper()
	server := exec.Command(os.Args[0], "serve", address, w.Path("tls/fullchain.pem"), w.Path("tls/tls.key"))
	w.Check(server.Start())
	w.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	w.Eventually("the server", func() bool {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	w.Write("server.pid", fmt.Sprint(server.Process.Pid))
}

// Certificates are renewed faster than verify's time-out, and the server takes up none
// of them. Each look at it is cancelled by the next generation; that it serves an old
// certificate is said within the time-out all the same, and so is the end of that one.
func TestAProofThatNeverEnds(t *testing.T) {
	for name, keys := range map[string]string{
		"renewed each three seconds": `renew_before = "12s"`,
		"renewed each second":        `renew_before = "14s"`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			address := harness.FreeAddress(t)
			first := w.start(loginBlocks + webBundle(`ttl = "15s"`, `change_mode = "noop"`))
			first.Says(logmsg.AllPublished)
			first.end()
			w.serveStubborn(address)
			begun := time.Now()
			old := w.Leaf("tls/tls.crt")
			r := w.start(loginBlocks + webBundle(`ttl = "15s"`, keys+fmt.Sprintf(`
  change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "DIR/server.pid"
  verify {
    address     = %q
    server_name = "example.test"
  }`, address)))
			r.Says(`level=ERROR msg="(` + logmsg.ServedOld + `|` + logmsg.Unproven + `)" bundle=web .*served=`)
			if after := time.Since(begun); after > 13*time.Second { // the first renewal, and the time-out
				t.Errorf("said after %s", after)
			}
			r.Says(`level=ERROR msg="` + logmsg.Expired + `" bundle=web serial=.* because="` + address + ` serves another certificate than the published one`)
			if late := time.Since(old.NotAfter); late > 10*time.Second {
				t.Errorf("the end of the served certificate is told %s late", late)
			}
			r.end()
		})
	}
}

// Restarts that come faster than the time-out do not keep it from being said either.
func TestAProofThatNeverEndsOverRestarts(t *testing.T) {
	w := newWorld(t)
	address := harness.FreeAddress(t)
	text := func(names, verify string) string {
		return loginBlocks + webBundle(names, `change_mode   = "signal"
  change_signal = "SIGHUP"
  pid_file      = "DIR/server.pid"`+verify)
	}
	first := w.start(text("", ""))
	first.Says(logmsg.AllPublished)
	first.end()
	w.serveStubborn(address)
	said := func(r *running) bool {
		return r.Count(`level=ERROR msg="(`+logmsg.ServedOld+`|`+logmsg.Unproven+`)" .*served=`) > 0
	}
	for begun := time.Now(); ; {
		r := w.start(text(`alt_names = ["www.example.test"]`, fmt.Sprintf(`
  verify {
    address     = %q
    server_name = "example.test"
    timeout     = "8s"
  }`, address)))
		r.Says(logmsg.LoggedIn + "|" + logmsg.FilesKept)
		until := time.Now().Add(3 * time.Second)
		w.Eventually("three seconds, or the line", func() bool { return said(r) || time.Now().After(until) })
		r.end()
		if said(r) {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("never said")
		}
	}
}
