// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// Compare implements [Publisher]. A file is [Content] if there is no link into the
// current generation at its stable name.
func (d LinkDir) Compare(files []File) ([]Status, error) {
	statuses := make([]Status, len(files))
	s, files, err := d.openUnlocked(files)
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
	for i, f := range files {
		kind, err := s.dir.kindOf(stableName(s.relative(f.Path)))
		switch {
		case err != nil:
		case kind != ourLink:
			statuses[i] = Content
		default:
			if statuses[i], err = s.compare(f, (*directory).compare); statuses[i] == Same && drifted {
				statuses[i] = Drift
			}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return statuses, errors.Join(errs...)
}

// Repair implements [Publisher]. It also repairs the directory of the current
// generation.
func (d LinkDir) Repair(f File) error {
	s, files, err := d.openUnlocked([]File{f})
	if err != nil {
		return err
	}
	defer s.close()
	if s.state.currentDir == nil {
		return &Error{Op: "opening the file to repair its mode or owner", Path: files[0].Path, Err: unix.ENOENT}
	}
	if err := s.repairDirectory(); err != nil {
		return err
	}
	return s.state.currentDir.repair(s.relative(files[0].Path), f)
}

// openUnlocked opens the directory for calls that change no names in it. The files
// that it returns have absolute paths.
func (d LinkDir) openUnlocked(files []File) (*openLinkDir, []File, error) {
	d, err := d.absolute()
	if err != nil {
		return nil, nil, err
	}
	files, err = d.resolve(files)
	if err != nil {
		return nil, nil, err
	}
	dir, err := openUnlocked(d.Path)
	if err != nil {
		return nil, nil, err
	}
	s, err := d.readState(dir)
	return s, files, err
}

// compare returns how a file of the current generation differs from f, by a method
// of directory.
func (s *openLinkDir) compare(f File, by func(*directory, string, File, fileInfo) (Status, error)) (Status, error) {
	if s.state.currentDir == nil {
		return Content, nil
	}
	name := s.relative(f.Path)
	is, err := s.state.currentDir.statDestination(name)
	if err != nil {
		return Unknown, err
	}
	s.state.stats[f.Path] = is
	return by(s.state.currentDir, name, f, is)
}

// compareAndRepair returns how the current generation differs from files, after it
// has repaired modes and owners.
func (s *openLinkDir) compareAndRepair(files []File) (Status, error) {
	if s.state.currentDir == nil {
		return Content, nil
	}
	worst := Same
	for _, f := range files {
		status, err := s.compare(f, (*directory).compareAndRepair)
		if err != nil {
			return Unknown, err
		}
		worst = max(worst, status)
	}
	if worst == Same && !s.consistsOf(files) {
		return Content, nil
	}
	drifted, err := s.drifted()
	if err != nil || worst != Same || !drifted {
		return worst, err
	}
	if err := s.repairDirectory(); errors.Is(err, unix.EPERM) {
		return Content, nil
	} else if err != nil {
		return Unknown, err
	}
	return Same, nil
}

// consistsOf reports whether the current generation has these files and no others.
func (s *openLinkDir) consistsOf(files []File) bool {
	if s.state.record.Version == 0 {
		names := stableNames(s.relatives(files))
		for name := range s.state.topNames {
			if !slices.Contains(names, name) {
				return false
			}
		}
		return true
	}
	return len(s.state.record.Files) == len(files) && !slices.ContainsFunc(files, func(f File) bool {
		return !slices.ContainsFunc(s.state.record.Files, func(r RecordedFile) bool { return r.Path == f.Path })
	})
}

// drifted reports whether the directory of the current generation has another mode
// or owner than asked for.
func (s *openLinkDir) drifted() (bool, error) {
	if s.state.currentDir == nil {
		return false, nil
	}
	st, err := descriptor(s.state.currentDir.fd).stat()
	if err != nil {
		return false, &Error{Op: "examining the directory", Path: s.state.currentDir.path, Err: err}
	}
	a := s.attributes()
	return st.Mode&0o7777 != a.mode || a.uid >= 0 && int(st.Uid) != a.uid || a.gid >= 0 && int(st.Gid) != a.gid, nil
}

func (s *openLinkDir) repairDirectory() error {
	return s.state.currentDir.setAttributes(s.attributes())
}

// newRecord returns the record of g as that of the current generation.
func (s *openLinkDir) newRecord(g Generation, files []File) Record {
	r := Record{
		Version: recordVersion, Name: g.Name, Directory: s.Path, Generation: s.state.current, Payload: g.Payload,
		Previous: s.state.previous(), Rejected: s.state.record.Rejected, Intact: true,
	}
	for _, f := range files {
		r.Files = append(r.Files, f.recorded(f.attributes(s.state.stats[f.Path])))
	}
	return r
}

// completeUnchanged publishes a generation whose files are the current ones: it
// creates the missing links and updates the record.
func (s *openLinkDir) completeUnchanged(record Record, kinds map[string]nameKind) (Record, error) {
	var missing []string
	for name, kind := range kinds {
		if kind == absent {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		if err := s.makeLinks(missing); err != nil {
			return Record{}, err
		}
		if err := s.dir.sync(); err != nil {
			return Record{}, err
		}
	}
	want, err := record.encode()
	if err != nil {
		return Record{}, err
	}
	if is, err := s.state.record.encode(); err != nil || !bytes.Equal(is, want) {
		if err := s.dir.replaceRecord(recordTemp, generationRecordName(record.Generation), want); err != nil {
			return Record{}, err
		}
		if err := s.dir.sync(); err != nil {
			return Record{}, err
		}
	}
	record.CleanupErr = s.removeJournal(record.Name)
	return record, nil
}
