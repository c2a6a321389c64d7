// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/certspec"
)

// current is valid by the clock that other programs read.
var current = sync.OnceValue(func() testPKI { return newPKI(time.Now()) })

// need skips a test on a machine without a program.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
}

// run runs a program to its end.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// write puts an output of a pair into a file.
func write(t *testing.T, o Output, p Pair, trust Trust) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), strings.ReplaceAll(o.title(), " ", "."))
	if err := os.WriteFile(path, encode(t, o, p, trust), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	modern = Output{Output: certspec.Output{Kind: certspec.PKCS12, Form: certspec.Modern}, Password: password}
	legacy = Output{Output: certspec.Output{Kind: certspec.PKCS12, Form: certspec.Legacy}, Password: password}
	jks    = Output{Output: certspec.Output{Kind: certspec.JKS, Alias: "Web"}, Password: password}
)

func TestOpenSSLReadsEveryFile(t *testing.T) {
	t.Parallel()
	need(t, "openssl")
	p := current()
	for name, pair := range p.pairs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert, ca := write(t, Output{Output: certspec.Output{Kind: certspec.Cert}}, pair, nil), write(t, Output{Output: certspec.Output{Kind: certspec.CA}}, pair, p.trust())
			full := write(t, Output{Output: certspec.Output{Kind: certspec.FullChain}}, pair, nil)
			public := run(t, "openssl", "x509", "-in", cert, "-noout", "-pubkey")
			run(t, "openssl", "verify", "-x509_strict", "-CAfile", ca, cert)
			run(t, "openssl", "verify", "-CAfile", ca, "-untrusted", full, cert)
			for _, o := range everyOutput() {
				kind, bits := kindOf(pair.Leaf.PublicKey)
				if !o.Kind.HoldsKey() || o.Kind == certspec.JKS || o.Validate(certspec.KeySpec{Type: kind, Bits: bits}) != nil {
					continue
				}
				path := write(t, o, pair, nil)
				if o.Kind == certspec.PKCS12 {
					text := run(t, "openssl", "pkcs12", "-in", path, "-passin", "pass:"+string(password), "-nodes")
					if n := strings.Count(text, "BEGIN CERTIFICATE"); n != 2 {
						t.Errorf("%s: %d certificates", o.title(), n)
					}
					path += ".pem"
					if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if got := run(t, "openssl", "pkey", "-in", path, "-pubout"); got != public {
					t.Errorf("%s: the key is another: %s", o.title(), got)
				}
			}
		})
	}
}

func TestKeytoolReadsKeyStores(t *testing.T) {
	t.Parallel()
	need(t, "keytool")
	p := current()
	pair := p.pairs["ec 256"]
	for _, tt := range []struct {
		output Output
		want   []string
	}{
		{modern, []string{"Keystore type: PKCS12", "PrivateKeyEntry", "Certificate chain length: 2"}},
		{legacy, []string{"Keystore type: PKCS12", "PrivateKeyEntry", "Certificate chain length: 2"}},
		{jks, []string{"Keystore type: JKS", "Alias name: web", "PrivateKeyEntry", "Certificate chain length: 2"}},
		{Output{Output: certspec.Output{Kind: certspec.Truststore}, Password: password}, []string{"Keystore type: JKS", "contains 2 entries", "ca-01", "ca-02", "trustedCertEntry"}},
		{Output{Output: certspec.Output{Kind: certspec.Truststore, Form: certspec.Modern}, Password: password}, []string{"contains 2 entries", "ca-01", "ca-02", "trustedCertEntry"}},
		{Output{Output: certspec.Output{Kind: certspec.Truststore, Form: certspec.Legacy}, Password: password}, []string{"contains 2 entries", "trustedCertEntry"}},
	} {
		t.Run(tt.output.title(), func(t *testing.T) {
			t.Parallel()
			text := run(t, "keytool", "-J-Duser.language=en", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-list", "-v", "-keystore", write(t, tt.output, pair, p.trust()), "-storepass", string(password))
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in:\n%s", want, text)
				}
			}
		})
	}
}

// TestJVMServesAndTrusts has one JVM serve with every kind of key store and kind
// of key, and trust with every kind of trust store.
func TestJVMServesAndTrusts(t *testing.T) {
	t.Parallel()
	need(t, "java")
	need(t, "javac") // a JRE alone does not run source
	p := current()
	var pairs []Pair
	args := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", filepath.Join("testdata", "Consumer.java"), serveOnce(t, p.pairs["ec 256"]), string(password)}
	for _, name := range []string{"ec 256", "rsa 2048", "ec 384", "ed25519"} {
		for _, o := range []Output{modern, legacy, jks} {
			store := "PKCS12"
			if o.Kind == certspec.JKS {
				store = "JKS"
			}
			args = append(args, "serve", store, write(t, o, p.pairs[name], nil))
			pairs = append(pairs, p.pairs[name])
		}
	}
	for _, form := range []certspec.Form{certspec.Java, certspec.Modern, certspec.Legacy} {
		store := "PKCS12"
		if form == certspec.Java {
			store = "JKS"
		}
		o := Output{Output: certspec.Output{Kind: certspec.Truststore, Form: form}, Password: password}
		args = append(args, "trust", store, write(t, o, p.pairs["ec 256"], Trust{{Certificate: p.root.cert}}))
	}
	lines, wait := start(t, "java", args...)
	for _, pair := range pairs {
		port, ok := <-lines
		if !ok {
			break
		}
		got := peer(t, "127.0.0.1:"+port, p.root.cert)
		if !got[0].Equal(pair.Leaf) || len(got) != 2 || !got[1].Equal(p.intermediate.cert) {
			t.Errorf("%d certificates, the first %s", len(got), certinfo.Serial(got[0]))
		}
	}
	var rest []string
	for line := range lines {
		rest = append(rest, line)
	}
	wait()
	if want := []string{"trusts 2", "trusts 2", "trusts 2", "done"}; !slices.Equal(rest, want) {
		t.Errorf("got %q", rest)
	}
}

// start runs a program whose lines are read while it runs. The lines end with it.
func start(t *testing.T, name string, args ...string) (lines <-chan string, wait func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := make(chan string)
	go func() {
		defer close(c)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			c <- scanner.Text()
		}
	}()
	return c, func() {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, stderr.String())
		}
	}
}

// peer connects and returns the certificates that the server sent.
func peer(t *testing.T, address string, root *x509.Certificate) []*x509.Certificate {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(root)
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 30 * time.Second}, Config: &tls.Config{RootCAs: roots, ServerName: "www.example.test"}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates
}

// serveOnce serves a pair until the test ends, and returns the port.
func serveOnce(t *testing.T, p Pair) string {
	t.Helper()
	pair, err := tls.X509KeyPair(encode(t, Output{Output: certspec.Output{Kind: certspec.FullChain}}, p, nil), encode(t, Output{Output: certspec.Output{Kind: certspec.Key}}, p, nil))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).HandshakeContext(t.Context()) // the client tells
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

func TestNodeServes(t *testing.T) {
	t.Parallel()
	need(t, "node")
	p := current()
	args := []string{"node", filepath.Join("testdata", "consumer.js"), write(t, Output{Output: certspec.Output{Kind: certspec.CA}}, Pair{}, p.trust()), string(password)}
	var want []string
	for _, name := range []string{"ec 256", "rsa 2048", "ec 521", "ed25519"} {
		pair := p.pairs[name]
		sum := sha256.Sum256(pair.Leaf.Raw)
		combined := write(t, Output{Output: certspec.Output{Kind: certspec.Combined}}, pair, nil)
		for _, set := range []string{
			write(t, Output{Output: certspec.Output{Kind: certspec.Key}}, pair, nil) + "+" + write(t, Output{Output: certspec.Output{Kind: certspec.FullChain}}, pair, nil),
			combined + "+" + combined,
			write(t, modern, pair, nil),
			write(t, legacy, pair, nil),
		} {
			args, want = append(args, set), append(want, hex.EncodeToString(sum[:]))
		}
	}
	if got := strings.Fields(run(t, args...)); !slices.Equal(got, want) {
		t.Errorf("served %q, want %q", got, want)
	}
}
