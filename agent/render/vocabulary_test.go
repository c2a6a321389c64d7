// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"testing"

	"github.com/certagent/certagent/safefile"
)

// TestOrdinaryErrorsStayReadable has errors that an operator meets: nothing in them is
// hidden if the template itself has the names.
func TestOrdinaryErrorsStayReadable(t *testing.T) {
	contents := `{{ file "DIR" }}{{ file "/dev/zero" }}{{ file "/no/such" }}{{ plugin "tool" }}{{ secret "kv/app" }}`
	dir := t.TempDir()
	var texts []string
	for _, path := range []string{"/dev/zero", "/no/such", dir} {
		_, err := safefile.Read(path, 10)
		if err == nil {
			t.Fatalf("%s can be read", path)
		}
		texts = append(texts, err.Error())
	}
	for _, text := range append(texts,
		`plugin: command "tool": exit code 1`,
		`plugin: command "tool": killed by SIGKILL`,
		`plugin: command "tool": timed out after 30s`,
		`plugin: command "tool": it printed more than 16 MiB`,
		`plugin: exec: "tool": executable file not found in $PATH`,
		`open /no/such: permission denied`,
		`read /no/such: too large: the limit is 16 MiB`,
		`read /no/such: the file system does not answer: within 10s`,
		`read /no/such: the file system does not answer: an earlier read has not ended`,
		`open /no/such: another program holds a lease on the file`,
		`the answer to read kv/app: it contains no PEM certificate in "certificate"`,
		`map has no entry for key "kv"`,
		`nil pointer evaluating *dependency.Secret.Data`,
		`wrong type for value; expected string; got map[string]interface {}`,
		`wrong number of args for toUpper: want 1 got 0`,
		`yaml: line 3: mapping values are not allowed in this context`,
		`invalid character 'k' looking for beginning of value`,
		`unexpected end of JSON input`,
		`illegal base64 data at input byte 4`,
		`strconv.ParseInt: parsing "kv": invalid syntax`,
		"error parsing regexp: missing closing ]: `[`",
		`index out of range: 5`,
		`x509: certificate has expired or is not yet valid`,
	) {
		if got := hide(text, nil, contents+dir); got != text {
			t.Errorf("%s\nbecomes %s", text, got)
		}
	}
}
