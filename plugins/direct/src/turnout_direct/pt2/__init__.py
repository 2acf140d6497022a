"""Files of ``torch.export.save``, read by closed grammars: torch gets an archive that is written here, not the file itself."""
