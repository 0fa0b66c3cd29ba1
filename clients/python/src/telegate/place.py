"""Where the mesh is, and the key to it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Mapping, Optional


@dataclass(frozen=True)
class Place:
    """Addresses by service (`session_pool`), or one for all, which is the gateway's."""

    api_key: str = field(repr=False)
    address: str = ""
    services: Mapping[str, str] = field(default_factory=dict)
    tls: bool = False

    def of(self, service: str) -> str:
        found = self.services.get(service, self.address)
        if not found:
            raise ValueError(f"the mesh has no {service}: name the gateway as the endpoint")
        return found


def find_place(endpoint: Optional[str], api_key: Optional[str], mesh_file: Optional[str]) -> Place:
    """Arguments come before the environment, and that before the file that `npm start` writes."""
    named = endpoint if endpoint is not None else (os.environ.get("TELEGATE_ENDPOINT") if mesh_file is None else None)
    key = api_key if api_key is not None else (os.environ.get("TELEGATE_API_KEY") if mesh_file is None else None)
    if named:
        if not key:
            raise ValueError("api_key is missing: give it, or set TELEGATE_API_KEY")
        scheme, _, rest = named.rpartition("://")
        if scheme not in ("", "http", "https"):
            raise ValueError("endpoint must look like host:port or https://host:port")
        return Place(key, rest.rstrip("/"), tls=scheme == "https")
    path = Path(mesh_file) if mesh_file is not None else _found()
    if path is None or not path.is_file():
        where = f"there is no {path}" if path else "no .telegate/mesh.json from here upwards"
        raise ValueError(f"no mesh: {where}. Give endpoint, set TELEGATE_ENDPOINT, or start one with npm start")
    mesh = json.loads(path.read_text())
    services: Dict[str, str] = {name: one["grpc"] for name, one in mesh["endpoints"].items()}
    return Place(key or mesh["apiKey"], services=services)


def _found() -> Optional[Path]:
    home = os.environ.get("TELEGATE_HOME")
    if home:
        return Path(home) / "mesh.json"
    here = Path.cwd()
    return next((path for one in (here, *here.parents) if (path := one / ".telegate" / "mesh.json").is_file()), None)
