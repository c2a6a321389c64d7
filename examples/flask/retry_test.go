// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// impatient is a listener that hangs up on its first callers, before or in the
// middle of the handshake, as a service that ends does.
type impatient struct {
	net.Listener
	hangUps int32
	calls   atomic.Int32
}

func (l *impatient) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		n := l.calls.Add(1)
		if n > l.hangUps {
			return conn, nil
		}
		if n%2 == 0 {
			_, _ = io.ReadFull(conn, make([]byte, 100)) // a part of the first message
		}
		conn.Close()
	}
}

// serve starts a server that hangs up so many times, and returns its port, the
// file with its CA and the count of its calls.
func serve(t *testing.T, hangUps int) (port, ca string, calls *atomic.Int32) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"service": "b", "caller": "somebody"}`)
	}))
	l := &impatient{Listener: server.Listener, hangUps: int32(hangUps)}
	server.Listener = l
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	server.StartTLS()
	t.Cleanup(server.Close)
	ca = filepath.Join(t.TempDir(), "ca.crt")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, ca, &l.calls
}

// A caller calls again while its callee restarts.
func TestCallerTriesAgain(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	port, ca, calls := serve(t, 4)
	output, err := exec.CommandContext(t.Context(), python, "client.py", port, "--ca="+ca).CombinedOutput()
	if got := string(output); err != nil || got != "an answer from b to somebody\n" {
		t.Errorf("%v: %s", err, got)
	}
	if calls.Load() != 5 {
		t.Errorf("%d calls, want one after four that were hung up", calls.Load())
	}
}

// A caller does not call again when a certificate was refused.
func TestCallerTakesARefusalAsItIs(t *testing.T) {
	t.Parallel()
	requireFlask(t)
	port, _, calls := serve(t, 0)
	output, err := exec.CommandContext(t.Context(), python, "client.py", port).CombinedOutput()
	if got := string(output); err != nil || !strings.HasPrefix(got, "SSLCertVerificationError: ") {
		t.Errorf("%v: %s", err, got)
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls, want one", calls.Load())
	}
}
