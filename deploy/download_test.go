// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
)

// bigFile is what a server sends: so much that it is never on its way as a
// whole, however large the buffers in between.
const bigFile = 32 << 20

func writeBigFile(t *testing.T, path string) {
	t.Helper()
	write(t, path, "")
	if err := os.Truncate(path, bigFile); err != nil {
		t.Fatal(err)
	}
}

// download is a response that has begun, and goes on when the client reads.
type download struct {
	*testing.T
	conn *tls.Conn
	body io.ReadCloser
}

// startDownload asks for the big file over a new connection and reads the
// beginning of the answer.
func startDownload(t *testing.T, dial dial, address, path string) *download {
	t.Helper()
	dialer := &net.Dialer{Timeout: harness.Patience, Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10) })
	}}
	raw, err := dial(dialer, address)
	if err != nil {
		t.Fatal(err)
	}
	// Which certificate is served, and that it is the right one, is for others to test.
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	d := &download{T: t, conn: conn}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(harness.Patience)); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodGet, "https://"+address+path, nil)
	if err == nil {
		err = request.Write(conn)
	}
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), request)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.ContentLength != bigFile {
		t.Fatalf("the server answers %s, %d bytes", response.Status, response.ContentLength)
	}
	d.body = response.Body
	return d
}

// leaf is the certificate that the server showed.
func (d *download) leaf() *x509.Certificate { return d.conn.ConnectionState().PeerCertificates[0] }

// finish reads the rest, and fails the test unless all of it comes.
func (d *download) finish() {
	d.Helper()
	if n, err := io.Copy(io.Discard, d.body); n != bigFile || err != nil {
		d.Errorf("%d of %d bytes of the response came: %v", n, bigFile, err)
	}
	d.conn.Close()
}

// dial connects to an address in some network.
type dial func(*net.Dialer, string) (net.Conn, error)

// dialHere connects as anybody does.
func dialHere(d *net.Dialer, address string) (net.Conn, error) { return d.Dial("tcp", address) }

// servedLeaf waits until there is an answer at the address, and returns the
// certificate that is shown.
func servedLeaf(t *testing.T, dial dial, address string) *x509.Certificate {
	t.Helper()
	var leaf *x509.Certificate
	harness.Eventually(t, address+" answers", func() bool {
		conn, err := dial(&net.Dialer{Timeout: harness.Patience}, address)
		if err != nil {
			return false
		}
		client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // which one is the question
		defer client.Close()
		if err := client.HandshakeContext(t.Context()); err != nil {
			return false
		}
		leaf = client.ConnectionState().PeerCertificates[0]
		return true
	})
	return leaf
}
