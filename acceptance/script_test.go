// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// script is a conversation. Its text consists of blocks:
//
//	# A comment.
//	token $NAME                 the token of the next request ("none": no token)
//	wrap 60s                    the next request asks for a wrapped answer
//	save NAME .auth.client_token   saves part of the next answer
//	ignore .data.versions.*.created_by   removes parts of the next answer
//	> POST auth/token/create {"policies": ["web"]}
//	200
//	{ the answer }
//
// $NAME is replaced by the saved text.
type script struct{ blocks []block }

type block struct {
	head         []string // comments and directives, as written
	token, wrap  string
	save         [][2]string
	ignore       []string
	method, path string
	body         string
	want         string
}

func parseScript(t *testing.T, text string) script {
	t.Helper()
	var s script
	var b block
	var want []string
	flush := func() {
		if b.method != "" {
			b.want = strings.TrimSpace(strings.Join(want, "\n"))
			s.blocks = append(s.blocks, b)
			b, want = block{}, nil
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "#", "token", "wrap", "save", "ignore":
			flush()
			b.head = append(b.head, line)
			b.directive(word, rest)
		case ">":
			flush()
			method, rest, _ := strings.Cut(rest, " ")
			path, body, _ := strings.Cut(rest, " ")
			b.method, b.path, b.body = method, path, body
		default:
			want = append(want, line)
		}
	}
	flush()
	if len(s.blocks) == 0 {
		t.Fatal("no requests in the script")
	}
	return s
}

func (b *block) directive(word, rest string) {
	switch word {
	case "token":
		b.token = rest
	case "wrap":
		b.wrap = rest
	case "save":
		name, path, _ := strings.Cut(rest, " ")
		b.save = append(b.save, [2]string{name, path})
	case "ignore":
		b.ignore = append(b.ignore, strings.Fields(rest)...)
	}
}

// String returns the text of the script, for -update.
func (s script) String() string {
	var out strings.Builder
	for _, b := range s.blocks {
		for _, line := range b.head {
			fmt.Fprintln(&out, line)
		}
		fmt.Fprintln(&out, strings.TrimSpace("> "+b.method+" "+b.path+" "+b.body))
		fmt.Fprintf(&out, "%s\n\n", b.want)
	}
	return out.String()
}

// run sends the requests and passes the answers to check.
func (s script) run(t *testing.T, b harness.Backend, vars map[string]string, check func(at int, got string)) {
	t.Helper()
	client := b.Client.CloneConfig().HttpClient
	for i, block := range s.blocks {
		status, body := block.ask(t, client, b, vars)
		for _, save := range block.save {
			vars[save[0]] = pick(t, body, save[1])
		}
		got := fmt.Sprint(status)
		if text := normalize(body, block.ignore); text != "" {
			got += "\n" + text
		}
		check(i, got)
	}
}

func (b block) ask(t *testing.T, client *http.Client, s harness.Backend, vars map[string]string) (int, []byte) {
	t.Helper()
	expand := func(text string) string { return os.Expand(text, func(name string) string { return vars[name] }) }
	r, err := http.NewRequestWithContext(t.Context(), b.method, s.URL+"/v1/"+expand(b.path), strings.NewReader(expand(b.body)))
	if err != nil {
		t.Fatal(err)
	}
	switch b.token {
	case "":
		r.Header.Set("X-Vault-Token", string(s.RootToken))
	case "none":
	default:
		r.Header.Set("X-Vault-Token", expand(b.token))
	}
	if b.wrap != "" {
		r.Header.Set("X-Vault-Wrap-TTL", b.wrap)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

// pick returns the part of a JSON text at a path such as .data.keys.0.
func pick(t *testing.T, body []byte, path string) string {
	t.Helper()
	var value any
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&value); err != nil {
		t.Fatalf("saving %s of %s: %v", path, body, err)
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "."), ".") {
		value = part(value, name)
	}
	if value == nil {
		t.Fatalf("no %s in %s", path, body)
	}
	text, ok := value.(string)
	if !ok {
		t.Fatalf("%s is not text in %s", path, body)
	}
	// The saved text is inserted into JSON.
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(quoted[1 : len(quoted)-1])
}

// part returns a field of an object or an item of a list by its number. It returns
// nil if there is none.
func part(value any, name string) any {
	switch value := value.(type) {
	case map[string]any:
		return value[name]
	case []any:
		if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(value) {
			return value[n]
		}
	}
	return nil
}
