# gst-ringkernel
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Help, wrong usage, the manual page, completion."""
import fcntl
import os
import pty
import re
import shlex
import shutil
import subprocess
import termios
import threading
import unittest

from cli_test import BUILTIN, Case, FADE, ROOT, environment


class HelpTest(Case):
    def commands(self):
        return [name for name in re.findall(r"(?m)^  ([a-z]+)  ", self.ringkernel("help"))
                if name != "help"]

    def options(self, command):
        return re.findall(r"(?m)^  (?:-., |    )(--[a-z-]+)", self.ringkernel("help", command))

    def test_the_overview_names_commands_and_exit_statuses(self):
        text = self.ringkernel("help")
        self.assertGreater(len(self.commands()), 5)
        for word in ["0", "1", "2", "usage:", "examples:"]:
            self.assertIn(word, text)
        self.assertEqual(text, self.ringkernel("--help"))
        self.assertEqual(text, self.ringkernel("-h"))
        self.assertEqual(text, self.ringkernel("help", "help"))

    def test_each_command_has_usage_options_and_examples(self):
        for command in self.commands():
            with self.subTest(command):
                text = self.ringkernel("help", command)
                self.assertIn("usage: ringkernel %s" % command, text)
                self.assertIn("\noptions:\n", text)
                self.assertIn("\nexamples:\n", text)
                self.assertIn("--help", self.options(command))
                self.assertEqual(text, self.ringkernel(command, "--help"))
                self.assertEqual(text, self.ringkernel(command, "-h"))
                for line in text.splitlines():
                    self.assertLessEqual(len(line), 80, line)

    def test_examples_use_commands_and_options_that_are_there(self):
        for page in ["help", *self.commands()]:
            examples = self.ringkernel("help", page).split("\nexamples:\n")[1]
            for line in examples.splitlines():
                with self.subTest(line):
                    words = shlex.split(line)
                    while "=" in words[0]:
                        words.pop(0)
                    self.assertEqual(words[0], "ringkernel")
                    self.assertIn(words[1], ["help", *self.commands()])
                    if words[1] != "help":
                        known = self.options(words[1])
                        for word in words[2:]:
                            if word.startswith("--"):
                                self.assertIn(word, known)

    def test_help_of_what_is_not_there(self):
        self.fails("help", "lst", status=2, says=["'lst'", "did you mean 'list'?"])
        self.fails("help", "list", "more", status=2, says="'more'")

    def test_an_unknown_command_names_the_nearest(self):
        self.fails("inspct", status=2, says=["'inspct'", "did you mean 'inspect'?"])
        self.fails("frobnicate", status=2, says=["'frobnicate'", "'ringkernel help'"])
        self.assertNotIn("did you mean", self.errors)

    def test_no_command_at_all(self):
        self.fails(status=2, says="'ringkernel help'")

    def test_an_unknown_option_says_where_to_read_on(self):
        for command in self.commands():
            with self.subTest(command):
                self.fails(command, "--frobnicate", status=2,
                           says=["--frobnicate", "'ringkernel help %s'" % command])

    def test_missing_and_superfluous_arguments(self):
        for command in ["inspect", "new", "compile", "run", "watch", "verify", "bench"]:
            with self.subTest(command):
                self.fails(command, status=2, says="'ringkernel help %s'" % command)
        for command in [["list", "x"], ["doctor", "x"], ["cache", "x"], ["watch", "a.c", "x"],
                        ["inspect", "a", "x"],
                        ["new", "a", "x"], ["compile", "a.c", "x"], ["bench", "a", "x"]]:
            with self.subTest(command):
                self.fails(*command, status=2, says=["'x'", "too much"])

    def test_an_option_that_needs_a_number(self):
        self.fails("bench", "copy", "--seconds", "soon", status=2, says="soon")

    def test_a_name_behind_two_dashes_is_no_option(self):
        self.fails("inspect", "--", "--json", says="kernel '--json' not found")

    def test_the_version(self):
        self.assertRegex(self.ringkernel("--version"), r"^ringkernel \d+\.\d+\.\d+\n$")

    def test_an_output_that_cannot_be_written_is_a_failure(self):
        for arguments in [["list"], ["help"], ["inspect", "copy", "--json"]]:
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run(["ringkernel", *arguments], stdout=full,
                                      stderr=subprocess.PIPE, env=environment(), text=True)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("cannot be written", done.stderr)


class ManualTest(Case):
    def test_the_page_says_what_the_help_says(self):
        done = subprocess.run(["python3", os.path.join(ROOT, "docs", "gen-man.py"), "--check"],
                              env=environment(), capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)


class CompletionTest(Case):
    SCRIPT = os.path.join(ROOT, "runtime", "cli", "completion", "ringkernel.bash")

    def complete(self, *words):
        """What bash offers for the last of the words."""
        text = ". %s; COMP_WORDS=(%s); COMP_CWORD=%d; _ringkernel; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
            shlex.quote(self.SCRIPT), " ".join(map(shlex.quote, words)), len(words) - 1)
        done = subprocess.run(["bash", "-c", text], cwd=self.folder, env=environment(),
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_commands(self):
        offered = self.complete("ringkernel", "")
        for name in ["list", "inspect", "new", "run", "compile", "verify", "bench", "doctor",
                     "help", "--help", "--version"]:
            self.assertIn(name, offered)
        self.assertEqual(self.complete("ringkernel", "insp"), ["inspect"])
        self.assertEqual(self.complete("ringkernel", "help", "doc"), ["doctor"])

    def test_options_of_the_command(self):
        offered = self.complete("ringkernel", "run", "edges", "--")
        self.assertEqual(sorted(offered), sorted(
            ["--input", "--output", "--param", "--block", "--format", "--size", "--rate",
             "--to-format", "--to-size", "--channels", "--backend", "--help"]))
        self.assertNotIn("--input", self.complete("ringkernel", "list", "--"))

    def test_kernels_by_name_and_by_file(self):
        self.write("mine.c", FADE)
        self.write("notes.txt", "")
        offered = self.complete("ringkernel", "inspect", "")
        for name in [*BUILTIN, "mine.c"]:
            self.assertIn(name, offered)
        self.assertNotIn("notes.txt", offered)
        self.assertEqual(self.complete("ringkernel", "compile", ""), ["mine.c"])

    def test_values(self):
        self.assertEqual(self.complete("ringkernel", "bench", "edges", "--backend", "cu"), ["cuda"])
        self.assertEqual(self.complete("ringkernel", "watch", "a.c", "--sink", "fake"), ["fakesink"])
        self.assertEqual(self.complete("ringkernel", "bench", "edges", "--mode", "=", "p"),
                         ["persistent"])
        self.assertEqual(self.complete("ringkernel", "run", "levels", "--param", "gam"), ["gamma="])
        self.write("in.png", b"")
        self.assertEqual(self.complete("ringkernel", "run", "levels", "--input", "in"), ["in.png"])


COMPLETIONS = os.path.join(ROOT, "runtime", "cli", "completion")


@unittest.skipUnless(shutil.which("fish"), "there is no fish")
class FishCompletionTest(Case):
    def complete(self, line):
        """What fish offers for the line, without what it says of each."""
        done = subprocess.run(
            ["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]",
             os.path.join(COMPLETIONS, "ringkernel.fish"), line], cwd=self.folder,
            env=dict(environment(), HOME=self.folder, XDG_CONFIG_HOME=self.path(".config"),
                     XDG_DATA_HOME=self.path(".data")), capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [offer.split("\t")[0] for offer in done.stdout.splitlines()]

    def test_commands(self):
        offered = self.complete("ringkernel ")
        for name in ["list", "run", "top", "help"]:
            self.assertIn(name, offered)
        self.assertEqual(self.complete("ringkernel insp"), ["inspect"])
        self.assertEqual(self.complete("ringkernel help doc"), ["doctor"])
        self.assertEqual(self.complete("ringkernel --ver"), ["--version"])

    def test_options_of_the_command(self):
        self.assertEqual(sorted(self.complete("ringkernel run edges --")), sorted(
            ["--input", "--output", "--param", "--block", "--format", "--size", "--rate",
             "--to-format", "--to-size", "--channels", "--backend", "--help"]))
        self.assertNotIn("--input", self.complete("ringkernel list --"))

    def test_kernels_by_name_and_by_file(self):
        self.write("mine.c", FADE)
        self.write("notes.txt", "")
        for command in ["inspect", "run", "verify", "bench"]:
            offered = self.complete("ringkernel %s " % command)
            for name in [*BUILTIN, "mine.c"]:
                self.assertIn(name, offered)
            self.assertNotIn("notes.txt", offered)
        for command in ["watch", "compile"]:
            self.assertEqual([name for name in self.complete("ringkernel %s " % command)
                              if not name.endswith("/")], ["mine.c"])

    def test_values(self):
        self.write("in.png", b"")
        for line, offer in [("bench edges --backend cu", "cuda"),
                            ("bench edges --mode=p", "--mode=persistent"),
                            ("bench edges -m p", "persistent"),
                            ("run levels --param gam", "gamma="),
                            ("run levels --input in", "in.png")]:
            self.assertEqual(self.complete("ringkernel " + line), [offer])


@unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
class ZshCompletionTest(Case):
    def setUp(self):
        super().setUp()
        self.write("home/.zshrc", """
fpath=(%s $fpath)
autoload -Uz compinit && compinit -D -u
show () { print -rn -- "$BUFFER" > $HOME/line; exit }
zle -N show
bindkey '^X' show
bindkey '^I' complete-word
PS1='ready> '
""" % shlex.quote(COMPLETIONS))

    def complete(self, line):
        """What zsh makes of the line, typed at a terminal, and of Tab."""
        master, slave = pty.openpty()

        def own_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        shell = subprocess.Popen(
            ["zsh", "-i", "--no-globalrcs"], cwd=self.folder, preexec_fn=own_terminal,
            env=dict(environment(), ZDOTDIR=self.path("home"), HOME=self.path("home"), TERM="dumb"),
            stdin=slave, stdout=slave, stderr=slave, pass_fds=[slave])
        os.close(slave)
        said = b""
        while b"ready> " not in said:
            said += os.read(master, 4096)
        os.write(master, line.encode() + b"\t\x18")
        threading.Thread(target=self.drain, args=[master], daemon=True).start()
        shell.wait(timeout=60)
        return self.read("home/line").decode()

    @staticmethod
    def drain(master):
        try:
            while os.read(master, 4096):
                pass
        except OSError:
            os.close(master)

    def test_what_is_typed_is_completed(self):
        self.write("mine.c", FADE)
        self.write("notes.txt", "")
        self.write("in.png", b"")
        for line, whole in [("insp", "inspect "), ("help doc", "help doctor "),
                            ("--ver", "--version "),
                            ("list --n", "list --names "),
                            ("run edges --ou", "run edges --output="),
                            ("inspect gau", "inspect gaussian-blur "),
                            ("run ./mi", "run ./mine.c "),
                            ("verify min", "verify mine.c "),
                            ("watch m", "watch mine.c "),
                            ("bench edges --backend cu", "bench edges --backend cuda "),
                            ("bench edges --mode=p", "bench edges --mode=persistent "),
                            ("bench edges -m p", "bench edges -m persistent "),
                            ("run levels --param gam", "run levels --param gamma="),
                            ("run levels --input i", "run levels --input in.png "),
                            ("list --inp", "list --inp")]:
            with self.subTest(line):
                self.assertEqual(self.complete("ringkernel " + line), "ringkernel " + whole)


if __name__ == "__main__":
    unittest.main()
