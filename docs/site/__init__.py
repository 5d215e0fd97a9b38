"""The site: `python -m docs.site site` builds it from docs/, the code and the results of the recipe mini."""
