// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev/seed"
)

// haproxy-set-cert either has HAProxy serve what is in the file, or leaves it as
// it is and says so.
func TestSetCert(t *testing.T) {
	need(t, haproxy, "/usr/bin/python3")
	w := newWorld(t, haproxyRuntime)
	if err := os.Mkdir(w.Path("etc/haproxy/tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	before, after := w.issue(), w.issue()
	w.Write("etc/haproxy/haproxy.cfg", w.here(w.recipe["haproxy"]))
	w.Write("etc/haproxy/tls/site.pem", before.Cert+"\n"+string(before.Key)+"\n")
	w.Write("etc/haproxy/tls/other.pem", after.Cert+"\n"+string(after.Key)+"\n")
	p := w.consumer()
	w.Eventually("HAProxy listens", func() bool { return w.leaf() != nil })
	old := w.servedSerial()

	refuses := func(file, content, because string) {
		t.Helper()
		if content != "" {
			w.Write(file, content)
		}
		if output, ok := w.setCert(file); ok || !strings.Contains(output, because) {
			t.Errorf("%s: %v, want a failure with %q: %s", file, ok, because, output)
		}
		if got := w.servedSerial(); got != old {
			t.Errorf("%s is served, want %s", got, old)
		}
		if list := w.runtime("show ssl cert"); strings.Contains(list, "*") {
			t.Errorf("something is left over in HAProxy: %s", list)
		}
	}
	refuses("etc/haproxy/tls/site.pem", after.Cert+"\n"+string(before.Key)+"\n", "inconsistencies between private key and certificate")
	refuses("etc/haproxy/tls/site.pem", string(after.Key)+"\n", "there is no certificate in it")
	refuses("etc/haproxy/tls/site.pem", after.Cert+"\n", "private key")
	refuses("etc/haproxy/tls/other.pem", "", "not referenced by the configuration")
	refuses("etc/haproxy/tls/missing.pem", "", "No such file")

	w.Write("etc/haproxy/tls/site.pem", after.Cert+"\n\n\n"+string(after.Key)+"\n\n")
	if output, ok := w.setCert("etc/haproxy/tls/site.pem"); !ok {
		t.Errorf("it failed: %s", output)
	}
	if w.servedSerial() == old {
		t.Error("the old certificate is still served")
	}
	p.stop()
	if output, ok := w.setCert("etc/haproxy/tls/site.pem"); !ok || !strings.Contains(output, "nobody listens") {
		t.Errorf("without HAProxy: %v: %s", ok, output)
	}
}

// issue asks for a certificate.
func (w *world) issue() seed.Pair {
	w.Helper()
	pair, err := seed.Issue(w.Context(), w.Client, "pki/issue/web", seed.Params{"common_name": "example.test"})
	if err != nil {
		w.Fatal(err)
	}
	return pair
}

// setCert runs haproxy-set-cert, and returns what it printed and whether it
// succeeded.
func (w *world) setCert(file string) (string, bool) {
	w.Helper()
	output, err := exec.Command("./haproxy-set-cert", w.Path("run/haproxy/admin.sock"), w.Path(file)).CombinedOutput()
	return string(output), err == nil
}
