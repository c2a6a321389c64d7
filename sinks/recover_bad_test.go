// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/certagent/certagent/redact"
)

// The record of another version stays, renamed, until the bundle has a good one.
func TestRecordOfAnotherVersionIsRemovedInTheEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	record := filepath.Join(dir, recordName("web"))
	content := sealRecord([]byte(`{"version":99,"name":"web","files":[]}`))
	must(t, os.WriteFile(record, content, 0o600))
	there := func() bool { _, err := os.Lstat(record + badSuffix); return err == nil }
	for range 2 {
		_, _ = Recover(t.Context(), []string{dir})
		if !there() {
			t.Fatal("it is gone before there is another one")
		}
	}
	publish(t, Generation{Name: "web", Number: 1, Files: []File{{Path: filepath.Join(dir, "f"), Content: redact.Bytes("x"), UID: -1, GID: -1}}})
	if _, err := Recover(t.Context(), []string{dir}); err != nil || there() {
		t.Errorf("%v; still there: %t", err, there())
	}
}
