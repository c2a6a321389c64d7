// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/certagent/certagent/redact"
)

// Written is a call of writeToFile.
type Written struct {
	Path    string      // cleaned
	User    string      // a name or a number; "" means that of the process
	Group   string      // a name or a number; "" means that of the process
	Perms   fs.FileMode // permission bits only
	Content redact.Bytes
}

// writeToFile implements writeToFile: path, user, group, perms, optional flags and the
// content. It records the call; a later call for the same path replaces an earlier one
// or, with "append", adds to it. It appends nothing to the file on disk.
func (e *execution) writeToFile(path, user, group, perms string, rest ...string) (string, error) {
	if len(rest) != 1 && len(rest) != 2 {
		return "", fmt.Errorf("wrong number of arguments, expected 5 or 6, but got %d", 4+len(rest))
	}
	if path == "" {
		return "", errors.New("the path is empty")
	}
	mode, err := strconv.ParseUint(perms, 8, 32)
	if err != nil {
		return "", fmt.Errorf("perms %q is not an octal number", perms)
	}
	w := Written{Path: filepath.Clean(path), User: user, Group: group, Perms: fs.FileMode(mode).Perm()}
	flags, content := "", rest[len(rest)-1]
	if len(rest) == 2 {
		flags = rest[0]
	}
	if strings.Contains(flags, "newline") {
		content += "\n"
	}
	if e.size += len(content); e.size > e.template.limits.size {
		return "", e.tooBig("what the template writes to files")
	}
	earlier := slices.IndexFunc(e.written, func(o Written) bool { return o.Path == w.Path })
	if earlier < 0 {
		w.Content = redact.Bytes(content)
		e.written = append(e.written, w)
		return "", nil
	}
	if strings.Contains(flags, "append") {
		w.Content = append(e.written[earlier].Content, content...)
	} else {
		w.Content = redact.Bytes(content)
	}
	e.written[earlier] = w
	return "", nil
}

// file implements file.
func (e *execution) file(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if path = strings.TrimSpace(path); path == "" {
		return "", errors.New("the path is empty")
	}
	var content string
	err := e.outside(func() (err error) {
		if !slices.Contains(e.inputs, path) {
			e.inputs = append(e.inputs, path)
		}
		if err := inSandbox(e.template.in.SandboxPath, path); err != nil {
			return err
		}
		content, err = e.source.File(path)
		e.external = append(e.external, strings.TrimSpace(content))
		return err
	})
	if err != nil {
		return "", err
	}
	return content, nil
}

// inSandbox returns an error if the target of a path, with symbolic links resolved, is not
// below the sandbox.
func inSandbox(sandbox, path string) error {
	if sandbox == "" {
		return nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	relative, err := filepath.Rel(sandbox, real)
	if err != nil {
		return err
	}
	if !filepath.IsLocal(relative) {
		return fmt.Errorf("'%s' is outside of sandbox", path)
	}
	return nil
}

// plugin implements plugin. It trims the arguments, and drops empty ones.
func (e *execution) plugin(name string, args ...string) (string, error) {
	if name == "" {
		return "", nil
	}
	var trimmed []string
	for _, arg := range args {
		if arg = strings.TrimSpace(arg); arg != "" {
			trimmed = append(trimmed, arg)
		}
	}
	var output string
	err := e.outside(func() (err error) {
		output, err = e.source.Plugin(name, trimmed)
		output = strings.TrimSpace(output)
		e.external = append(e.external, output)
		return err
	})
	if err != nil {
		return "", err
	}
	return output, nil
}
