// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"crypto/x509"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/probe"
)

const haproxy = "/usr/sbin/haproxy"

// leaf is the certificate that a new connection is shown; nil if nobody listens.
func (w *world) leaf() *x509.Certificate {
	w.Helper()
	leaf, err := probe.Leaf(w.Context(), probe.Target{Address: w.address, ServerName: "example.test"})
	if err != nil {
		return nil
	}
	return leaf
}

// servedSerial is the leaf's serial number.
func (w *world) servedSerial() string {
	w.Helper()
	leaf := w.leaf()
	if leaf == nil {
		w.Fatal("no certificate is served")
	}
	return certinfo.Serial(leaf)
}

func TestHAProxyReload(t *testing.T) {
	need(t, haproxy)
	w := newWorld(t, haproxyReloaded)
	w.Write("etc/haproxy/haproxy.cfg", w.here(w.recipe["haproxy"]))
	a := w.certagent()
	a.logs(published, 1)
	p := w.consumer()
	a.rotates(1)
	clients := w.clients()
	a.rotates(rotations)
	a.undisturbed()

	// A mistake in haproxy.cfg: no reload may come of it, and what was published is
	// taken back, until somebody has repaired it.
	w.Write("etc/haproxy/haproxy.cfg", w.here(w.recipe["haproxy"])+"\nbakend nonsense\n")
	a.logsAfter(wentBack, stillOld)
	before := a.rotations()
	a.logs(wentBack, 3)
	if got, want := w.servedSerial(), before[len(before)-1].serial; got != want || len(a.rotations()) != len(before) {
		t.Errorf("%s is served after the veto, and %s was verified before", got, want)
	}
	w.Write("etc/haproxy/haproxy.cfg", w.here(w.recipe["haproxy"]))
	a.rotates(1)
	clients.judge(a)
	a.stop()
	p.stop()
}

func TestHAProxyRuntimeAPI(t *testing.T) {
	need(t, haproxy, "/usr/bin/python3")
	w := newWorld(t, haproxyRuntime)
	w.Write("etc/haproxy/haproxy.cfg", w.here(w.recipe["haproxy"]))
	w.Install("haproxy-set-cert", "usr/local/bin/haproxy-set-cert")
	a := w.certagent()
	a.logs(done, 1) // nobody listens yet
	p := w.consumer()
	a.rotates(1)
	worker := w.worker()
	clients := w.clients()
	a.rotates(rotations)
	a.undisturbed()
	clients.judge(a)
	if overlap := clients.overlap(); overlap > 0 {
		t.Errorf("an older certificate was shown for %v after a newer one", overlap)
	}
	if w.worker() != worker {
		t.Error("HAProxy was reloaded")
	}
	a.stop()

	// A reload for another reason reads the file.
	served := w.servedSerial()
	if err := p.Cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the worker has ended", func() bool { return syscall.Kill(worker, 0) != nil })
	if got := w.servedSerial(); got != served {
		t.Errorf("after a reload %s is served, before it was %s", got, served)
	}
	p.stop()
}

// worker is the number of the process that serves, as HAProxy itself says.
func (w *world) worker() int {
	w.Helper()
	for line := range strings.Lines(w.runtime("show info")) {
		if text, ok := strings.CutPrefix(line, "Pid: "); ok {
			number, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				w.Fatal(err)
			}
			return number
		}
	}
	w.Fatal("HAProxy does not say which process it is")
	return 0
}

// runtime asks HAProxy by its socket.
func (w *world) runtime(command string) string {
	w.Helper()
	conn, err := net.Dial("unix", w.Path("run/haproxy/admin.sock"))
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		w.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		w.Fatal(err)
	}
	return string(answer)
}
