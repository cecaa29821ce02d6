"""Workbook → report: layouts as data, every problem by cell, no database.

    sheets (spc_site.lib)  file → cells
    profiles, canonical    what a layout looks like, as data
    layout, locate         where on a sheet a report's header, titles and rows are
    values, limits         what single cells mean
    read                   all of it: bytes → `ParsedWorkbook`
    wording                problems → sentences, Chinese and English
    marking                the file back, with the bad cells marked
    form, template         the canonical layout, drawn

The last step, rows in the database, is `quality.services.imports`.
"""
