// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// FuzzPIDFile reads a pid file with any content. What is accepted is the number at the
// beginning of the file, and nothing that must not be signalled; and no error shows what
// is in the file, except a number.
func FuzzPIDFile(f *testing.F) {
	for _, content := range []string{
		"4711\n", " 4711 ", "", "\n", "1", "0", "-1", "-4711", "4294967295", "4711\n/var/lib/postgresql/15/main\n1700000000\n",
		"4711 4712", "0x10", "+4711", "four", "hunter2 is the password", "\xef\xbb\xbf4711", "4711\x00", "99999999999999999999",
		strconv.Itoa(os.Getpid()),
	} {
		f.Add([]byte(content))
	}
	path := filepath.Join(f.TempDir(), "web.pid")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := openPIDFile(path)
		if err != nil {
			said := strings.ReplaceAll(err.Error(), path, "")
			if word := strings.TrimSpace(string(content)); len(word) > 4 && !isNumber(word) && strings.Contains(said, word) {
				t.Errorf("the error shows the file: %v", err)
			}
			return
		}
		first := strings.Fields(string(content))
		if len(content) <= 64 && (len(first) == 0 || !isNumber(first[0]) || strconv.Itoa(file.pid) != strings.TrimLeft(first[0], "+0")) {
			t.Errorf("read %d from %q", file.pid, content)
		}
		if file.pid <= 0 || file.pid == os.Getpid() {
			t.Errorf("accepted %d", file.pid)
		}
	})
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// FuzzParseStat reads any text as /proc/PID/stat. What is accepted reads the same when it
// is written out again.
func FuzzParseStat(f *testing.F) {
	const rest = " 10 4711 12 34816 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3"
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{"42 (nginx) S" + rest, "42 (a) R (b c) Z" + rest, "42 nginx S" + rest, "42 (nginx) S 10", ")", "", string(own)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseStat(text)
		if err != nil {
			if s != (stat{}) {
				t.Errorf("%+v with the error %v", s, err)
			}
			return
		}
		written := fmt.Sprintf("1 (a) b) %s %d %d %d %d 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %d", []byte{s.state}, s.parent, s.group, s.session, s.tty, s.start)
		s.name, s.flags = "a) b", 6
		if again, err := parseStat([]byte(written)); err != nil || again != s {
			t.Errorf("read %+v from %q, and again %+v, %v", s, text, again, err)
		}
	})
}
