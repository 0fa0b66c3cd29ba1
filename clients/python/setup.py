"""The generated stubs are part of what is installed: of this checkout, or of the source distribution."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
#: Inside a source distribution, and in a checkout.
STUBS = next((one for one in (HERE / "stubs", HERE / "../../gen/python/telegate") if one.is_dir()), None)
LITTER = ignore_patterns("__pycache__", "*.pyc", "local_telegram")


class BuildWithStubs(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return  # gen/python on the path brings them: see the README.
        if STUBS is None:
            raise SystemExit("the generated stubs are missing: build in a checkout, or from a source distribution")
        copytree(STUBS, Path(self.build_lib) / "telegate", dirs_exist_ok=True, ignore=LITTER)


class SdistWithStubs(sdist):
    def make_release_tree(self, base_dir, files) -> None:
        super().make_release_tree(base_dir, files)
        if STUBS is not None:
            copytree(STUBS, Path(base_dir) / "stubs", dirs_exist_ok=True, ignore=LITTER)


setup(cmdclass={"build_py": BuildWithStubs, "sdist": SdistWithStubs})
