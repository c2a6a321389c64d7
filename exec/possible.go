// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/safefile"
)

const (
	// longestString is how long the kernel lets a string be that a program is started
	// with, its end included (MAX_ARG_STRLEN; see execve(2)).
	longestString = 128 << 10
	// leastStrings and mostStrings bound how much all strings may take together: a
	// quarter of the stack's limit, within these bounds.
	leastStrings = 128 << 10
	mostStrings  = 6 << 20
	pointer      = 8
)

// CheckEnviron returns an error if no program can be started with an argument list and an
// environment. It names the variable that is the cause, and shows no value.
func CheckEnviron(argv, env []string) error {
	total := 0
	for _, arg := range argv {
		total += len(arg) + 1 + pointer
	}
	longest, size := "", 0
	for _, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		switch {
		case !ok || name == "":
			return errors.New("an environment variable without a name")
		case strings.ContainsRune(name, 0):
			return errors.New("the name of an environment variable holds a NUL byte")
		case strings.ContainsRune(value, 0):
			return fmt.Errorf("environment variable %q: the value holds a NUL byte, which no environment can", name)
		case len(entry)+1 > longestString:
			return fmt.Errorf("environment variable %q: with %d bytes it is too long, the system allows %d", name, len(entry), longestString-1)
		}
		if len(entry) > size {
			longest, size = name, len(entry)
		}
		total += len(entry) + 1 + pointer
	}
	if most := stringsLimit(); total > most {
		return fmt.Errorf("the environment and the arguments take %d bytes, the system allows %d; the longest variable is %q with %d", total, most, longest, size)
	}
	return nil
}

// stringsLimit returns how much the arguments and the environment of a program may take.
func stringsLimit() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_STACK, &limit) != nil {
		return mostStrings
	}
	return int(max(leastStrings, min(mostStrings, limit.Cur/4))) - 4<<10 // a page for what the kernel adds
}

// checkStart returns why a program could not be started now: a *StartError as the start
// itself would. It starts nothing.
func checkStart(argv, env []string) error {
	if len(argv) == 0 {
		return nil // the start says so
	}
	path, err := osexec.LookPath(argv[0])
	if err != nil && !errors.Is(err, osexec.ErrDot) {
		var failed *osexec.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return startError(argv[0], err)
	}
	if err := checkInterpreter(path); err != nil {
		return startError(argv[0], err)
	}
	if err := CheckEnviron(argv, env); err != nil {
		return startError(argv[0], err)
	}
	return nil
}

// checkInterpreter returns fs.ErrNotExist if a script's interpreter is missing, and ENOEXEC
// if the file is empty. What else it holds only the kernel knows.
func checkInterpreter(path string) error {
	head, _, err := safefile.Head(path, 256)
	if err != nil { // it may be executable and not readable
		return nil
	}
	if len(head) == 0 {
		return syscall.ENOEXEC
	}
	line, isScript := bytes.CutPrefix(head, []byte("#!"))
	if !isScript {
		return nil
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) == 0 || !filepath.IsAbs(words[0]) {
		return nil
	}
	if err := unix.Access(words[0], unix.X_OK); errors.Is(err, unix.ENOENT) {
		return fs.ErrNotExist
	}
	return nil
}
