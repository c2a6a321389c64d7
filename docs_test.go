// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certagent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the paths of all documents.
func documents(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "*.md").Output()
	if err != nil {
		t.Skipf("this is no checkout: %v", err)
	}
	return strings.Fields(string(out))
}

// heading is a heading of a document.
var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// anchors returns the anchors of a document's headings, as forges derive them.
func anchors(text string) (all []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile("[^a-z0-9 _-]").ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// Links in documents lead to files and headings that there are.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	found := 0
	for _, path := range documents(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			target := path
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(path), m[1])
			}
			content, err := os.ReadFile(target)
			if _, missing := os.Stat(target); missing != nil {
				t.Errorf("%s: %v", path, missing)
			} else if m[2] != "" && (err != nil || !slices.Contains(anchors(string(content)), m[2])) {
				t.Errorf("%s: %s has no heading %q", path, target, m[2])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d links were found", found)
	}
}

// ARCHITECTURE.md names files that there are. A name without a directory belongs to one
// of those that were named before.
func TestArchitectureNamesFiles(t *testing.T) {
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	directories := []string{"."}
	found := 0
	for _, m := range regexp.MustCompile("`([a-z0-9_/]+)(\\.go)?`").FindAllStringSubmatch(string(text), -1) {
		name, isFile := m[1]+m[2], m[2] != ""
		switch {
		case isFile && strings.Contains(name, "/"):
			directories = append(directories, filepath.Dir(name))
		case !isFile && strings.Contains(name, "/"):
			directories = append(directories, name)
		case !isFile:
			continue // a word
		}
		found++
		if _, err := os.Stat(name); err == nil {
			continue
		}
		if !slices.ContainsFunc(directories, func(d string) bool { _, err := os.Stat(filepath.Join(d, name)); return err == nil }) {
			t.Errorf("ARCHITECTURE.md: there is no %s", name)
		}
	}
	if found < 60 {
		t.Errorf("only %d names were found", found)
	}
}
