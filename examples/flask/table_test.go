// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/internal/harness"
)

// row is a row of the README's table: what is wrong, and what the caller sees.
type row struct{ wrong, sees string }

// answered is what the caller prints when nothing is wrong.
const answered = "an answer from b to caller.example.test"

// caller calls b, which is an agent's child, with client.py.
type caller struct {
	*testing.T
	*demo
}

// TestWhatTheCallerSees goes through the README's table: a service that an agent
// runs is called, and of caller and callee one thing at a time is wrong.
func TestWhatTheCallerSees(t *testing.T) {
	t.Parallel()
	c := caller{t, startDemo(t)}
	c.issue("pki/issue/service", "good", "1h")
	c.issue("pki/issue/service", "short", "1s")
	other := seed.PKI{Mount: "other", CommonName: "Other CA", Roles: map[string]seed.Params{"service": serviceRole}}
	if _, err := other.Apply(t.Context(), c.vault.Client); err != nil {
		t.Fatal(err)
	}
	c.issue("other/issue/service", "other", "1h")

	good := []string{"--ca=good.ca", "--cert=good.crt", "--key=good.key"}
	seen := []row{
		c.call("nothing: both certificates are good", answered, good...),
		c.call("the caller shows no certificate", "SSLError: [SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required",
			"--ca=good.ca"),
		c.call("the caller has no CA", "SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain",
			"--cert=good.crt", "--key=good.key"),
		c.call("the caller's certificate has expired", "SSLError: [SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired",
			"--ca=good.ca", "--cert=short.crt", "--key=short.key"),
	}
	// An agent that gets no new certificate cannot help a service with an expired one.
	c.vault.Server.Seal()
	seen = append(seen, c.call("the callee's certificate has expired", "SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired", good...))
	c.vault.Server.Unseal()
	c.call("nothing any more", answered, good...)
	seen = append(seen,
		c.call("the caller's certificate is of another CA", "SSLError: [SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca",
			"--ca=good.ca", "--cert=other.crt", "--key=other.key"),
		c.call("the callee's certificate is of another CA", "SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in certificate chain",
			"--ca=other.ca", "--cert=good.crt", "--key=good.key"))
	checkREADME(t, seen)
}

// issue puts a certificate for the caller into the demonstration's directory.
func (c caller) issue(path, name, ttl string) {
	c.Helper()
	pair, err := seed.Issue(c.Context(), c.vault.Client, path, seed.Params{"common_name": "caller.example.test", "ttl": ttl})
	if err != nil {
		c.Fatal(err)
	}
	for suffix, content := range map[string]string{".ca": pair.CA, ".crt": pair.Cert, ".key": string(pair.Key)} {
		if err := c.Write(name+suffix, content+"\n"); err != nil {
			c.Fatal(err)
		}
	}
}

// call calls b until the caller sees what it should: a certificate takes its
// time to expire, and to be replaced.
func (c caller) call(wrong, want string, args ...string) row {
	c.Helper()
	var got string
	if !harness.Await(func() bool { got = c.once(args); return got == want }) {
		c.Fatalf("%s: the caller sees %q, want %q", wrong, got, want)
	}
	return row{wrong, got}
}

var (
	// place is where in Python's source an error was raised.
	place = regexp.MustCompile(` \(_ssl\.c:\d+\)$`)
	// oldAlert is what OpenSSL before 3.2 calls some alerts.
	oldAlert = strings.NewReplacer("ssl/tls alert", "sslv3 alert")
)

// once calls b and returns the one line that the caller prints, without what
// differs from one version of Python and OpenSSL to the next.
func (c caller) once(args []string) string {
	c.Helper()
	cmd := exec.CommandContext(c.Context(), python, append([]string{"client.py", fmt.Sprint(c.ports["b"])}, args...)...)
	cmd.Dir = c.Dir
	output, err := cmd.Output()
	if err != nil {
		c.Fatalf("client.py: %v", err)
	}
	return oldAlert.Replace(place.ReplaceAllString(strings.TrimSpace(string(output)), ""))
}

// checkREADME compares the README's table with what was seen.
func checkREADME(t *testing.T, seen []row) {
	t.Helper()
	var table strings.Builder
	table.WriteString("| what is wrong | what the caller sees |\n|---|---|\n")
	for _, r := range seen {
		fmt.Fprintf(&table, "| %s | `%s` |\n", r.wrong, r.sees)
	}
	t.Logf("\n%s", table.String())
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "\n\n"+table.String()+"\n") {
		t.Error("README.md has another table")
	}
}
