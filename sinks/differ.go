// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// Compare says how each file differs from what readers see, as the function of
// this name does. A stable name that is not a link into the directory's generation
// is [Content].
func (d LinkDir) Compare(files []File) ([]Status, error) {
	statuses := make([]Status, len(files))
	s, found, err := d.openToLook(files)
	if errors.Is(err, unix.ENOENT) {
		for i := range statuses {
			statuses[i] = Content
		}
		return statuses, nil
	}
	if err != nil {
		return statuses, err
	}
	defer s.close()
	drifted, err := s.drifted()
	if err != nil {
		return statuses, err
	}
	var errs []error
	for i, f := range found {
		place, err := s.dir.kindOf(stableName(f.name))
		switch {
		case err != nil:
		case place != ourLink:
			statuses[i] = Content
		default:
			if statuses[i], err = s.status(f); statuses[i] == Same && drifted {
				statuses[i] = Drift
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return statuses, errors.Join(errs...)
}

// Repair gives an existing file, and the directory of the generation that readers
// see, the mode and owner asked for.
func (d LinkDir) Repair(f File) error {
	s, found, err := d.openToLook([]File{f})
	if err != nil {
		return err
	}
	defer s.close()
	if s.state.currentDir == nil {
		return &Error{Op: "opening it to repair its mode or owner", Path: found[0].Path, Err: unix.ENOENT}
	}
	if err := s.repairGeneration(); err != nil {
		return err
	}
	return s.state.currentDir.repair(found[0].name, f)
}

// look opens the directory to look at it, or at least to change no names.
func (d LinkDir) openToLook(files []File) (*openLinkDir, []located, error) {
	d, err := d.absolute()
	if err != nil {
		return nil, nil, err
	}
	found, err := d.locate(files)
	if err != nil {
		return nil, nil, err
	}
	dir, err := openUnlocked(d.Path)
	if err != nil {
		return nil, nil, err
	}
	s, err := d.readState(dir)
	return s, found, err
}

// compare says how the generation that is seen differs from files, and repairs its
// modes and owners.
func (s *openLinkDir) compare(files []located) (Status, error) {
	if s.state.currentDir == nil {
		return Content, nil
	}
	worst := Same
	for _, f := range files {
		status, err := s.status(f)
		if status == Drift {
			err = s.state.currentDir.repair(f.name, f.File)
			status = Same
			if errors.Is(err, unix.EPERM) {
				status, err = Content, nil // somebody else's file cannot be repaired, but be replaced
			}
		}
		if err != nil {
			return Unknown, err
		}
		worst = max(worst, status)
	}
	if worst == Same && !s.state.consistsOf(files) {
		return Content, nil
	}
	drifted, err := s.drifted()
	if err != nil || worst != Same || !drifted {
		return worst, err
	}
	if err := s.repairGeneration(); errors.Is(err, unix.EPERM) {
		return Content, nil
	} else if err != nil {
		return Unknown, err
	}
	return Same, nil
}

// status says how one file of the generation that is seen differs.
func (s *openLinkDir) status(f located) (Status, error) {
	if s.state.currentDir == nil {
		return Content, nil
	}
	is, err := s.state.currentDir.statDestination(f.name)
	if err != nil {
		return Unknown, err
	}
	s.state.stats[f.name] = is
	return s.state.currentDir.compare(f.name, f.File, is)
}

// consistsOf reports whether the generation that is seen has these files and no
// others.
func (s *linkDirState) consistsOf(files []located) bool {
	if s.record.Version == 0 {
		names := stableNames(files)
		for name := range s.topNames {
			if !slices.Contains(names, name) {
				return false
			}
		}
		return true
	}
	return len(s.record.Files) == len(files) && !slices.ContainsFunc(files, func(f located) bool {
		return !slices.ContainsFunc(s.record.Files, func(r RecordedFile) bool { return r.Path == f.Path })
	})
}

// drifted reports whether the directory of the generation that is seen has another
// mode or owner than was asked for.
func (s *openLinkDir) drifted() (bool, error) {
	if s.state.currentDir == nil {
		return false, nil
	}
	st, err := descriptor(s.state.currentDir.fd).stat()
	if err != nil {
		return false, &Error{Op: "looking at what is there", Path: s.state.currentDir.path, Err: err}
	}
	a := s.attributes()
	return st.Mode&0o7777 != a.mode || a.uid >= 0 && int(st.Uid) != a.uid || a.gid >= 0 && int(st.Gid) != a.gid, nil
}

func (s *openLinkDir) repairGeneration() error {
	return s.state.currentDir.setAttributes(s.attributes())
}
